"""Multipart uploads on the file system: parts wait beside their upload until it completes."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from hashlib import md5
from pathlib import Path

from pydantic import BaseModel

from local.vendors.s3.errors import S3Error
from local.vendors.s3.records import Received
from local.vendors.s3.store import Bucket, checked_key

SMALLEST_PART_BYTES = 5 * 1024**2
MOST_PARTS = 10_000
UPLOAD_ID = re.compile(r"[0-9a-f]{32}")


class Upload(BaseModel):
    """An upload begun and not yet completed or aborted."""

    id: str
    key: str
    headers: dict[str, str]
    started: float


class Part(BaseModel):
    """One part on disk; its etag is the hex MD5 of its bytes."""

    number: int
    etag: str
    size: int
    modified: float
    path: Path


class Uploads:
    """The open uploads of one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._root = bucket.root / "uploads"
        self._root.mkdir(exist_ok=True)

    def create(self, key: str, headers: dict[str, str]) -> Upload:
        """Open an upload for a key, with the headers its object will have."""
        upload = Upload(
            id=secrets.token_hex(16), key=checked_key(key), headers=headers, started=time.time()
        )
        record = self._bucket.temporary()
        record.write_text(upload.model_dump_json())
        self._folder(upload.id).mkdir()
        os.replace(record, self._folder(upload.id) / "upload.json")
        return upload

    def get(self, upload_id: str, key: str) -> Upload:
        """The open upload of this key; raises NoSuchUpload."""
        if not UPLOAD_ID.fullmatch(upload_id):
            raise S3Error("NoSuchUpload")
        try:
            record = (self._folder(upload_id) / "upload.json").read_bytes()
        except FileNotFoundError:
            raise S3Error("NoSuchUpload") from None
        upload = Upload.model_validate_json(record)
        if upload.key != key:
            raise S3Error("NoSuchUpload")
        return upload

    def open(self) -> list[Upload]:
        """Every open upload, by key."""
        records = self._root.glob("*/upload.json")
        found = [Upload.model_validate_json(record.read_bytes()) for record in records]
        return sorted(found, key=lambda upload: (upload.key, upload.started))

    def add(self, upload: Upload, number: int, received: Received) -> None:
        """Keep a part; one with the same number is replaced."""
        folder = self._folder(upload.id)
        if not folder.exists():
            received.path.unlink(missing_ok=True)
            raise S3Error("NoSuchUpload")
        kept = folder / f"{number:05d}-{received.md5}.part"
        os.replace(received.path, kept)
        for old in folder.glob(f"{number:05d}-*.part"):
            if old != kept:
                old.unlink()

    def parts(self, upload: Upload) -> list[Part]:
        """The parts so far, by number."""
        return [
            Part(
                number=int(path.name[:5]),
                etag=path.stem[6:],
                size=path.stat().st_size,
                modified=path.stat().st_mtime,
                path=path,
            )
            for path in sorted(self._folder(upload.id).glob("*.part"))
        ]

    def chosen(self, upload: Upload, listed: Sequence[tuple[int, str]]) -> list[Part]:
        """The parts a completion lists as (number, etag); raises when they are not as kept."""
        numbers = [number for number, _ in listed]
        if numbers != sorted(set(numbers)):
            raise S3Error("InvalidPartOrder")
        kept = {part.number: part for part in self.parts(upload)}
        for number, etag in listed:
            if number not in kept or kept[number].etag != etag:
                raise S3Error("InvalidPart")
        parts = [kept[number] for number in numbers]
        if any(part.size < SMALLEST_PART_BYTES for part in parts[:-1]):
            raise S3Error("EntityTooSmall")
        return parts

    def join(self, parts: Sequence[Part]) -> Path:
        """Copy the parts into one temporary file; slow, so call it in a thread."""
        path = self._bucket.temporary()
        try:
            with path.open("xb") as whole:
                for part in parts:
                    with part.path.open("rb") as piece:
                        shutil.copyfileobj(piece, whole, 1024**2)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path

    def remove(self, upload: Upload) -> None:
        """Forget an upload and its parts."""
        shutil.rmtree(self._folder(upload.id), ignore_errors=True)

    def _folder(self, upload_id: str) -> Path:
        return self._root / upload_id


def joined_etag(parts: Sequence[Part]) -> str:
    """S3's etag of a multipart object: the MD5 of the parts' MD5s, and their count."""
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
