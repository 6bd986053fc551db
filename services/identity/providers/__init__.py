"""Libraries that hold a hard algorithm."""
