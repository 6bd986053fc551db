"""Verbs of accounts: entering, mailboxes, passwords, and other providers."""
