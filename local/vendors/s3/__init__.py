"""A storage stand-in that speaks S3: signed requests only, files on disk."""
