"""Use cases over ports: the desk, runs, deadlines, the worker. Async; no driver, no framework."""
