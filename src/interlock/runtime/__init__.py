"""LangGraph: what a graph's author calls, and what carries a graph from pause to pause."""
