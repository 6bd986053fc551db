"""One verified request, as the handlers of every operation receive it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from local.vendors.s3.errors import S3Error
from local.vendors.s3.payload import Payload
from local.vendors.s3.records import Condition, Stored
from local.vendors.s3.settings import S3Settings
from local.vendors.s3.signature import Signed
from local.vendors.s3.store import Bucket, Store

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
KEPT_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "expires",
)
MOST_METADATA_BYTES = 2048
DEFAULT_TYPE = "binary/octet-stream"

Tree = Iterable[tuple[str, "str | int | Tree"]]


@dataclass(frozen=True)
class Call:
    """A request whose signature holds, and what it is about."""

    request: Request
    signed: Signed
    settings: S3Settings
    store: Store
    bucket_name: str
    key: str
    query: dict[str, str]

    @property
    def bucket(self) -> Bucket:
        return self.store.bucket(self.bucket_name)

    def payload(self) -> Payload:
        """The body, its checks included."""
        return Payload(self.request, self.signed, self.settings.max_object_bytes)

    def condition(self) -> Condition:
        """What `If-None-Match: *` and `If-Match` ask of a write."""
        headers = self.request.headers
        absent = headers.get("if-none-match")
        if absent not in (None, "*"):
            raise S3Error("NotImplemented")
        return Condition(absent=absent == "*", etag=unquoted(headers.get("if-match")))

    def number(self, name: str, default: int, most: int) -> int:
        """A number from the query, at most `most`; raises InvalidArgument."""
        value = self.query.get(name, str(default))
        if not value.isdecimal():
            raise S3Error("InvalidArgument", f"{name} must be a number")
        return min(int(value), most)


def unquoted(etag: str | None) -> str | None:
    """An etag as we keep it: without quotes."""
    return None if etag is None else etag.strip().removeprefix("W/").strip('"')


def header_value(text: str) -> str:
    """The text, unless it could not stand in a header or would end it; raises InvalidArgument."""
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]", text):
        raise S3Error("InvalidArgument", "Header value cannot be represented using ISO-8859-1")
    return text


def object_headers(request_headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What an object keeps of the headers it was written with; raises MetadataTooLarge."""
    kept = {"content-type": DEFAULT_TYPE}
    for name, given in request_headers:
        value = header_value(given)
        if value and (name in KEPT_HEADERS or name.startswith("x-amz-meta-")):
            kept[name] = value
        elif name == "content-encoding":
            encodings = [part.strip() for part in value.split(",")]
            if rest := ", ".join(part for part in encodings if part != "aws-chunked"):
                kept[name] = rest
    metadata = {k.removeprefix("x-amz-meta-"): v for k, v in kept.items() if "-meta-" in k}
    if sum(len(name) + len(value) for name, value in metadata.items()) > MOST_METADATA_BYTES:
        raise S3Error("MetadataTooLarge")
    return kept


def shown_headers(stored: Stored) -> dict[str, str]:
    """The headers of an object's answer to GET and HEAD, without its length."""
    return {
        **stored.headers,
        "etag": f'"{stored.etag}"',
        "last-modified": formatdate(stored.modified, usegmt=True),
        "accept-ranges": "bytes",
    }


def xml(root: str, tree: Tree) -> Response:
    """An XML answer in S3's namespace."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">'
    return Response(body + _inner(tree) + f"</{root}>", media_type="application/xml")


def _inner(tree: Tree) -> str:
    parts = []
    for name, value in tree:
        text = (
            escape(str(value), {"\r": "&#13;"}) if isinstance(value, str | int) else _inner(value)
        )
        parts.append(f"<{name}>{text}</{name}>")
    return "".join(parts)


def iso(moment: float) -> str:
    """A time in S3's XML form, from seconds since 1970."""
    at = datetime.fromtimestamp(moment, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
