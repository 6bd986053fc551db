"""What the storage stand-in is told at start."""

from pydantic import BaseModel


class S3Settings(BaseModel):
    """One account, the buckets it starts with, and who may call from a browser."""

    access_key: str
    secret_key: str
    buckets: list[str] = []
    cors_origins: list[str] = ["*"]
    max_object_bytes: int = 5 * 1024**3
