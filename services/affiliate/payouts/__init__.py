"""Earnings that were paid to the affiliate."""
