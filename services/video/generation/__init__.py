"""The attempts that make clips and transitions, from intent to stored file."""
