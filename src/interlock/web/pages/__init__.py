"""The pages on which people decide: rendered on the server from the kit, and usable without JavaScript."""
