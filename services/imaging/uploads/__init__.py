"""Uploads: how a photo gets from a browser into a project."""
