"""The mail provider."""
