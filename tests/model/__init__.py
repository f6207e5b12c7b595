"""The model: what the log may say next, written down a second time, and the state machine that compares."""
