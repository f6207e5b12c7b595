"""What tests of Interlock, and of what is built on it, stand on: fakes, strategies, contracts."""
