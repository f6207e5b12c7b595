"""What the engine needs from outside: a store, a runtime, policies, and a way to wake who waits."""
