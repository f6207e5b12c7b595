"""What the record teaches: what other policies would have done."""
