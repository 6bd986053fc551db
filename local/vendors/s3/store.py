"""Objects on the file system: one immutable data file and one record each, swapped by rename."""

import bisect
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from local.vendors.s3.errors import S3Error
from local.vendors.s3.records import Condition, Received, Stored

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
LONGEST_KEY_BYTES = 1024


class Bucket:
    """One bucket: its records in memory, sorted by key, and the same on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._objects = root / "objects"
        self._temporary = root / "temporary"
        for folder in (self._objects, self._temporary):
            folder.mkdir(parents=True, exist_ok=True)
        self._records: dict[str, Stored] = {}
        self._load()
        self._keys = sorted(self._records)

    def _load(self) -> None:
        """Read the records; sweep away what a killed process left half written."""
        for path in self._temporary.iterdir():
            path.unlink()
        kept = set()
        for path in self._objects.glob("*/*.json"):
            stored = Stored.model_validate_json(path.read_bytes())
            self._records[stored.key] = stored
            kept.add(stored.file)
        for path in self._objects.glob("*/*.data"):
            if path.name not in kept:
                path.unlink()

    def get(self, key: str) -> Stored:
        """The object's record; raises NoSuchKey."""
        try:
            return self._records[key]
        except KeyError:
            raise S3Error("NoSuchKey") from None

    def find(self, key: str) -> Stored | None:
        """The object's record, or None."""
        return self._records.get(key)

    def path(self, stored: Stored) -> Path:
        """Where the object's bytes are."""
        return self._folder(stored.key) / stored.file

    def temporary(self) -> Path:
        """A new file name that disappears at the next start."""
        return self._temporary / secrets.token_hex(16)

    async def receive(self, pieces: AsyncIterator[bytes]) -> Received:
        """Write a body to a temporary file; nothing stays behind when it breaks off."""
        path, digest, size = self.temporary(), hashlib.md5(usedforsecurity=False), 0
        try:
            with path.open("xb") as file:
                async for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Received(path=path, size=size, md5=digest.hexdigest())

    def commit(self, source: Path, stored: Stored, condition: Condition | None = None) -> Stored:
        """Make a temporary file the object, at once or not at all; the old bytes go."""
        key, old = stored.key, self._records.get(stored.key)
        try:
            checked_key(key)
            (condition or Condition()).check(old)
        except S3Error:
            source.unlink(missing_ok=True)
            raise
        name = f"{_digest(key)}.{secrets.token_hex(8)}.data"
        stored = stored.model_copy(update={"file": name, "modified": time.time()})
        folder = self._folder(key)
        folder.mkdir(exist_ok=True)
        os.replace(source, folder / name)
        record = self.temporary()
        record.write_text(stored.model_dump_json())
        os.replace(record, self._record(key))
        self._records[key] = stored
        if old is None:
            bisect.insort(self._keys, key)
        else:
            (folder / old.file).unlink(missing_ok=True)
        return stored

    def remove(self, key: str) -> None:
        """Delete an object; deleting what is not there is no error."""
        stored = self._records.pop(key, None)
        if stored is None:
            return
        del self._keys[bisect.bisect_left(self._keys, key)]
        self._record(key).unlink(missing_ok=True)
        self.path(stored).unlink(missing_ok=True)

    def keys(self, prefix: str, after: str) -> Iterator[str]:
        """Keys with this prefix and later than `after`, in S3's order."""
        start = bisect.bisect_left(self._keys, prefix)
        if after:
            start = max(start, bisect.bisect_right(self._keys, after))
        for key in self._keys[start:]:
            if not key.startswith(prefix):
                return
            yield key

    def _folder(self, key: str) -> Path:
        return self._objects / _digest(key)[:2]

    def _record(self, key: str) -> Path:
        return self._folder(key) / f"{_digest(key)}.json"


class Store:
    """All buckets of the one account, each a folder."""

    def __init__(self, root: Path, names: list[str]) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        self.buckets = {path.name: Bucket(path) for path in root.iterdir() if path.is_dir()}
        for name in names:
            if name not in self.buckets:
                self.create(name)

    def bucket(self, name: str) -> Bucket:
        """An existing bucket; raises NoSuchBucket."""
        try:
            return self.buckets[name]
        except KeyError:
            raise S3Error("NoSuchBucket") from None

    def create(self, name: str) -> None:
        """A new, empty bucket; raises when the name is taken or not allowed."""
        if not BUCKET_NAME.fullmatch(name) or ".." in name:
            raise S3Error("InvalidBucketName")
        if name in self.buckets:
            raise S3Error("BucketAlreadyOwnedByYou")
        self.buckets[name] = Bucket(self._root / name)


def checked_key(key: str) -> str:
    """The key, unless it is longer than S3 allows. Names on disk are its hash, never itself."""
    if len(key.encode()) > LONGEST_KEY_BYTES:
        raise S3Error("KeyTooLongError")
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
