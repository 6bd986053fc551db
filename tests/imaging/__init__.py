"""Imaging, against real PostgreSQL, real storage and fal's stand-in."""
