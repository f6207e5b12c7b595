"""A tool called once, and what came of it."""
