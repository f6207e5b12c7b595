"""Use cases over ports: the one door, runs, views, deadlines, the worker. Async; no driver, no framework."""
