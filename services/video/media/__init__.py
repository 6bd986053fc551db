"""What the service does to sound and pictures; nothing here knows the database."""
