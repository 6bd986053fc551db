"""What services may know about each other, and nothing else."""
