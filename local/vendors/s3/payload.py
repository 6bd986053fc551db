"""Reads a request's body piece by piece, unwraps aws-chunked, and proves every checksum."""

import asyncio
import base64
import hashlib
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from starlette.requests import ClientDisconnect, Request

from local.vendors.s3.chunks import Chunks
from local.vendors.s3.errors import S3Error
from local.vendors.s3.signature import UNSIGNED, Signed

STALLED_SECONDS = 60.0


class Checksum(Protocol):
    """What every digest we verify can do."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class Crc32:
    """The CRC-32 of what it was fed, big-endian as S3 writes it."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def _checksum(name: str) -> Checksum:
    if name == "content-md5":
        return hashlib.md5(usedforsecurity=False)
    if name == "x-amz-checksum-crc32":
        return Crc32()
    if name == "x-amz-checksum-sha1":
        return hashlib.sha1(usedforsecurity=False)
    if name == "x-amz-checksum-sha256":
        return hashlib.sha256()
    raise S3Error("NotImplemented", f"{name} is not implemented")


class Payload:
    """One body of at most `limit` bytes; `pieces` raises unless all its promises were kept."""

    def __init__(self, request: Request, signed: Signed, limit: int) -> None:
        self._request = request
        self._headers = request.headers
        self._signed = signed
        self._limit = limit
        self._promised: dict[str, str] = dict(self._named())
        self._streaming = signed.payload.startswith("STREAMING-")
        self._trailer = self._headers.get("x-amz-trailer", "").strip().lower()
        names = [*self._promised, self._trailer] if self._trailer else list(self._promised)
        self._checksums = {name: _checksum(name) for name in names}
        self._length = self._announced()

    @property
    def has_checksum(self) -> bool:
        """Whether the sender promised a digest of the body."""
        return bool(self._checksums)

    def _named(self) -> Iterator[tuple[str, str]]:
        for name, value in self._headers.items():
            if name == "content-md5" or re.fullmatch(r"x-amz-checksum-(crc|sha)\w+", name):
                yield name, value

    def _announced(self) -> int:
        name = "x-amz-decoded-content-length" if self._streaming else "content-length"
        value = self._headers.get(name, "")
        if not value.isdecimal():
            raise S3Error("MissingContentLength")
        if int(value) > self._limit:
            raise S3Error("EntityTooLarge")
        return int(value)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive; raises S3Error at the end when they are not as signed."""
        size = 0
        whole = hashlib.sha256()
        hashed = re.fullmatch(r"[0-9a-f]{64}", self._signed.payload) is not None
        if not (hashed or self._streaming or self._signed.payload == UNSIGNED):
            raise S3Error("InvalidArgument", "x-amz-content-sha256 is not valid")
        chunks = Chunks(self._received(), self._signed) if self._streaming else None
        async for piece in chunks.data() if chunks else self._received():
            size += len(piece)
            if size > self._length:
                raise S3Error("IncompleteBody")
            if hashed:
                whole.update(piece)
            for checksum in self._checksums.values():
                checksum.update(piece)
            yield piece
        if size != self._length:
            raise S3Error("IncompleteBody")
        if hashed and whole.hexdigest() != self._signed.payload:
            raise S3Error("XAmzContentSHA256Mismatch")
        self._check(chunks.trailers if chunks else {})

    async def whole(self, limit: int = 1024**2) -> bytes:
        """A small body at once, e.g. a list of keys in XML."""
        if self._length > limit:
            raise S3Error("MalformedXML")
        return b"".join([piece async for piece in self.pieces()])

    def _check(self, trailers: dict[str, str]) -> None:
        for name, checksum in self._checksums.items():
            promised = trailers.get(name) if name == self._trailer else self._promised[name]
            if promised is None:
                raise S3Error("MalformedXML", "A declared trailer did not come")
            try:
                expected = base64.b64decode(promised, validate=True)
            except ValueError:
                raise S3Error("InvalidDigest") from None
            if expected != checksum.digest():
                raise S3Error("BadDigest")

    async def _received(self) -> AsyncIterator[bytes]:
        stream = self._request.stream()
        try:
            while True:
                async with asyncio.timeout(STALLED_SECONDS):
                    piece = await anext(stream, None)
                if piece is None:
                    return
                if piece:
                    yield piece
        except TimeoutError:
            raise S3Error("RequestTimeout") from None
        except ClientDisconnect:
            raise S3Error("IncompleteBody") from None
