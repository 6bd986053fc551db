"""Attempts: each submission of one image version to the model, and what came of it."""
