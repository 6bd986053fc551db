"""Mail to people, with what only they may read."""
