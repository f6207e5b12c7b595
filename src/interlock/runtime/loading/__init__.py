"""How an agent is found, imported apart, and checked."""
