"""Unwraps `aws-chunked` bodies as they arrive, checking chunk and trailer signatures."""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator

from local.vendors.s3.errors import S3Error
from local.vendors.s3.signature import Signed, hmac_sha256

EMPTY = hashlib.sha256(b"").hexdigest()
LONGEST_LINE = 8192
HEAD = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
MODES = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (True, False),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (True, True),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": (False, True),
}


def chunk_signature(signed: Signed, previous: str, chunk_sha256: str) -> str:
    """The signature of one chunk, which covers the signature before it."""
    lines = ["AWS4-HMAC-SHA256-PAYLOAD", signed.timestamp, signed.scope, previous, EMPTY]
    return hmac_sha256(signed.key, "\n".join([*lines, chunk_sha256])).hex()


def trailer_signature(signed: Signed, previous: str, trailers: dict[str, str]) -> str:
    """The signature of the trailing headers, which covers the last chunk's."""
    text = "".join(f"{name}:{value}\n" for name, value in trailers.items())
    hashed = hashlib.sha256(text.encode()).hexdigest()
    lines = ["AWS4-HMAC-SHA256-TRAILER", signed.timestamp, signed.scope, previous, hashed]
    return hmac_sha256(signed.key, "\n".join(lines)).hex()


class Chunks:
    """A chunked body; `trailers` are known once `data` has run to its end."""

    def __init__(self, source: AsyncIterator[bytes], signed: Signed) -> None:
        if signed.payload not in MODES:
            raise S3Error("NotImplemented", f"{signed.payload} is not implemented")
        self._is_signed, self._has_trailers = MODES[signed.payload]
        self._source = source
        self._signed = signed
        self._previous = signed.signature
        self._buffer = b""
        self.trailers: dict[str, str] = {}

    async def data(self) -> AsyncIterator[bytes]:
        """The bytes inside the chunks; raises S3Error when framing or a signature is wrong."""
        while True:
            head = HEAD.fullmatch(await self._line())
            if head is None or (self._is_signed and head[2] is None):
                raise S3Error("IncompleteBody", "A chunk is malformed")
            size = int(head[1], 16)
            hashed = hashlib.sha256()
            async for piece in self._take(size):
                hashed.update(piece)
                yield piece
            if self._is_signed:
                self._advance(
                    chunk_signature(self._signed, self._previous, hashed.hexdigest()),
                    head[2].decode(),
                )
            if size == 0:
                break
            if await self._line() != b"":
                raise S3Error("IncompleteBody", "A chunk is longer than announced")
        await self._read_trailers()

    def _advance(self, computed: str, sent: str) -> None:
        if not hmac.compare_digest(computed, sent):
            raise S3Error("SignatureDoesNotMatch")
        self._previous = computed

    async def _read_trailers(self) -> None:
        sent_signature = ""
        while line := await self._line():
            name, _, value = line.decode("latin-1").partition(":")
            if name.lower() == "x-amz-trailer-signature":
                sent_signature = value.strip()
            else:
                self.trailers[name.strip().lower()] = value.strip()
        if self.trailers and not self._has_trailers:
            raise S3Error("IncompleteBody", "Trailers were not announced")
        if self._is_signed and self._has_trailers:
            expected = trailer_signature(self._signed, self._previous, self.trailers)
            self._advance(expected, sent_signature)

    async def _more(self) -> None:
        piece = await anext(self._source, None)
        if piece is None:
            raise S3Error("IncompleteBody")
        self._buffer += piece

    async def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE:
                raise S3Error("IncompleteBody", "A chunk header is too long")
            await self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    async def _take(self, size: int) -> AsyncIterator[bytes]:
        while size:
            if not self._buffer:
                await self._more()
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            size -= len(piece)
            yield piece
