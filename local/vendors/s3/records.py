"""What is written down about an object, and what must hold before it is replaced."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from local.vendors.s3.errors import S3Error


class Stored(BaseModel):
    """What is known about an object; `file` names its data beside this record."""

    model_config = ConfigDict(frozen=True)

    key: str
    file: str = ""
    size: int
    etag: str
    modified: float = 0.0
    headers: dict[str, str] = {}
    upload_id: str | None = None


class Received(BaseModel):
    """Bytes that arrived whole and wait in a temporary file to become an object or a part."""

    path: Path
    size: int
    md5: str


class Condition(BaseModel):
    """What must hold when a write commits: the object is absent, or is this version."""

    absent: bool = False
    etag: str | None = None

    def check(self, current: Stored | None) -> None:
        """Raises PreconditionFailed, or NoSuchKey for a version of what is not there."""
        if self.absent and current is not None:
            raise S3Error("PreconditionFailed")
        if self.etag is not None and current is None:
            raise S3Error("NoSuchKey")
        if self.etag is not None and current is not None and self.etag != current.etag:
            raise S3Error("PreconditionFailed")
