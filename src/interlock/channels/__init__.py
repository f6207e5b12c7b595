"""The ways by which a request reaches people and a verdict comes back."""
