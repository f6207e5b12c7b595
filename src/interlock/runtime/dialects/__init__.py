"""Pure mappers between LangGraph's interrupts and requests, one file each."""
