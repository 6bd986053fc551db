"""Proof of who is calling: sessions and API keys."""
