"""What system administrators do, and the log of it."""
