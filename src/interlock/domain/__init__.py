"""The rules: pure functions over frozen values. No IO, no clock, no randomness."""
