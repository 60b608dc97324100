"""What the operator's file and environment say: one frozen Settings, every key with its default, bounds and reason."""
