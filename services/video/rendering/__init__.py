"""Segments and films, made by FFmpeg in short repeatable units."""
