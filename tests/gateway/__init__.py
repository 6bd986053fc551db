"""The gateway in front of a real identity and a service that tells what reached it."""
