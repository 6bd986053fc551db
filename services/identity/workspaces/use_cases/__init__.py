"""Verbs of a workspace: settings, look, and its end."""
