"""The outside world: the model's vendor, its files, and the picture decoder."""
