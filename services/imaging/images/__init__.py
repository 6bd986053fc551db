"""Images and their versions."""
