"""The only door: authentication, routing, limits and live progress; it owns no tables."""
