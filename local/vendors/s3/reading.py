"""GET and HEAD of objects: conditions, ranges and answers streamed from disk."""

import asyncio
import math
import re
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse

from local.vendors.s3.call import Call, header_value, shown_headers, unquoted
from local.vendors.s3.errors import S3Error
from local.vendors.s3.records import Stored

PIECE_BYTES = 1024**2
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
OVERRIDES = (
    "content-type",
    "content-language",
    "expires",
    "cache-control",
    "content-disposition",
    "content-encoding",
)


async def get_object(call: Call) -> Response:
    """The object or the range asked for; HEAD gets the same headers and no body."""
    stored = call.bucket.get(call.key)
    check_conditions(call.request.headers, stored)
    headers = {**shown_headers(stored), **_overrides(call.query)}
    status, first, length = _range(call.request.headers.get("range"), stored.size)
    headers["content-length"] = str(length)
    if status == 206:
        headers["content-range"] = f"bytes {first}-{first + length - 1}/{stored.size}"
    if call.request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    # Opened before the first await, so a delete or an overwrite meanwhile changes nothing.
    file = call.bucket.path(stored).open("rb")
    return StreamingResponse(_pieces(file, first, length), status, headers)


async def _pieces(file: BinaryIO, first: int, length: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(first)
        while length:
            piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, length))
            if not piece:
                return
            length -= len(piece)
            yield piece


def _range(header: str | None, size: int) -> tuple[int, int, int]:
    """(status, first byte, length); what is not one valid range is ignored, as S3 does."""
    found = RANGE.fullmatch(header.strip()) if header else None
    if found is None or found[1] == found[2] == "":
        return 200, 0, size
    if found[1] == "":
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), min(size - 1, int(found[2] or size))
        if found[2] and int(found[2]) < first:
            return 200, 0, size
    if first >= size:
        raise S3Error("InvalidRange", headers={"content-range": f"bytes */{size}"})
    return 206, first, last - first + 1


def _overrides(query: dict[str, str]) -> dict[str, str]:
    found = {}
    for name in OVERRIDES:
        value = query.get(f"response-{name}")
        if value is None:
            continue
        found[name] = header_value(value)
    return found


def check_conditions(headers: Headers, stored: Stored, prefix: str = "") -> None:
    """Raise PreconditionFailed or NotModified as the `If-…` headers of a read demand."""
    match = headers.get(f"{prefix}if-match")
    none_match = headers.get(f"{prefix}if-none-match")
    unmodified = _moment(headers.get(f"{prefix}if-unmodified-since"), math.inf)
    modified = _moment(headers.get(f"{prefix}if-modified-since"), -math.inf)
    at = int(stored.modified)
    if not (_matches(match, stored.etag) if match else at <= unmodified):
        raise S3Error("PreconditionFailed")
    if _matches(none_match, stored.etag) if none_match else at <= modified:
        code = "PreconditionFailed" if prefix else "NotModified"
        raise S3Error(code, headers={"etag": f'"{stored.etag}"'})


def _matches(header: str, etag: str) -> bool:
    return any(unquoted(part) in ("*", etag) for part in header.split(","))


def _moment(header: str | None, otherwise: float) -> float:
    try:
        return parsedate_to_datetime(header or "").timestamp()
    except ValueError:
        return otherwise
