"""Verbs of administration: the log, standing, people, impersonation."""
