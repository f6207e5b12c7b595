"""The server: the kit over HTTP, for people, agents and programs."""
