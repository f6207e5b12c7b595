"""What LangGraph's own server gives to a graph beside its input."""
