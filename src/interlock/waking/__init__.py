"""How workers hear of work."""
