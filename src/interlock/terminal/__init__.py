"""A person at a terminal: what is shown, what is asked, what is read."""
