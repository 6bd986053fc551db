"""fal's stand-in, tested with fal's own client."""
