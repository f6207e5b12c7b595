"""What a graph's state is between two advances."""
