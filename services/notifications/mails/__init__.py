"""Mails: written, sent once, and followed until they arrive or bounce."""
