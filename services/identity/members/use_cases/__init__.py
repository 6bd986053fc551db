"""Verbs of the people of a workspace: read, join, change roles, invite."""
