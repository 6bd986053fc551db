"""Verbs of sessions and API keys, and the answer to who is calling."""
