"""What the models do to pixels; runs in child processes, never in the stand-in's own process."""
