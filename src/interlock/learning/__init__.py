"""What people's decisions teach, as training data and as examples for a prompt: pure rules, no IO, no clock."""
