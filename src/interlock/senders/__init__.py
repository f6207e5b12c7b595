"""What leaves: one file for each way by which people and programs are told."""
