"""The end card of branded films."""
