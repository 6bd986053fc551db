"""Buckets and what is in them: ListObjectsV2, and the few operations on buckets themselves."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.responses import Response

from local.vendors.s3.call import Call, Tree, iso, xml
from local.vendors.s3.errors import S3Error
from local.vendors.s3.store import Bucket

LARGEST_PAGE = 1000


@dataclass
class Page:
    """One page of a listing: keys and common prefixes, and where the next page starts."""

    keys: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next_after: str | None = None


def page_of(bucket: Bucket, prefix: str, delimiter: str, after: str, size: int) -> Page:
    """At most `size` keys and common prefixes after `after`, rolled up at the delimiter."""
    page, last = Page(), after
    for key in bucket.keys(prefix, after):
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        group = key[: cut + len(delimiter)] if cut >= 0 else ""
        if group and (after.startswith(group) or group in page.prefixes[-1:]):
            last = key
            continue
        if len(page.keys) + len(page.prefixes) >= size:
            page.next_after = last if size else None
            break
        (page.prefixes if group else page.keys).append(group or key)
        last = key
    return page


async def list_objects(call: Call) -> Response:
    """ListObjectsV2; the older version is not implemented."""
    if call.query.get("list-type") != "2":
        raise S3Error("NotImplemented", "Only ListObjectsV2 is implemented")
    query, size = call.query, call.number("max-keys", LARGEST_PAGE, LARGEST_PAGE)
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = _after(query)
    page = page_of(call.bucket, prefix, delimiter, after, size)
    shown = _shown(query.get("encoding-type"))
    tree: list[tuple[str, str | int | Tree]] = [
        ("Name", call.bucket_name),
        ("Prefix", shown(prefix)),
        ("KeyCount", len(page.keys) + len(page.prefixes)),
        ("MaxKeys", size),
        ("IsTruncated", "true" if page.next_after else "false"),
    ]
    if delimiter:
        tree.append(("Delimiter", shown(delimiter)))
    if "encoding-type" in query:
        tree.append(("EncodingType", "url"))
    if page.next_after:
        token = base64.urlsafe_b64encode(page.next_after.encode()).decode()
        tree.append(("NextContinuationToken", token))
    tree.extend(("Contents", _contents(call.bucket, key, shown)) for key in page.keys)
    tree.extend(("CommonPrefixes", [("Prefix", shown(group))]) for group in page.prefixes)
    return xml("ListBucketResult", tree)


def _after(query: dict[str, str]) -> str:
    token = query.get("continuation-token")
    if token is None:
        return query.get("start-after", "")
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise S3Error("InvalidArgument", "The continuation token is incorrect") from None


def _shown(encoding: str | None) -> Callable[[str], str]:
    if encoding not in (None, "url"):
        raise S3Error("InvalidArgument", "Invalid Encoding Method specified in Request")
    return (lambda text: quote(text, safe="/-_.~")) if encoding else str


def _contents(bucket: Bucket, key: str, shown: Callable[[str], str]) -> Tree:
    stored = bucket.get(key)
    return [
        ("Key", shown(key)),
        ("LastModified", iso(stored.modified)),
        ("ETag", f'"{stored.etag}"'),
        ("Size", stored.size),
        ("StorageClass", "STANDARD"),
    ]


async def list_buckets(call: Call) -> Response:
    """The account's buckets."""
    names = sorted(call.store.buckets)
    return xml("ListAllMyBucketsResult", [("Buckets", [("Bucket", [("Name", n)]) for n in names])])


async def create_bucket(call: Call) -> Response:
    """A new, private bucket."""
    call.store.create(call.bucket_name)
    return Response(headers={"location": f"/{call.bucket_name}"})


async def head_bucket(call: Call) -> Response:
    """Whether the bucket exists."""
    call.store.bucket(call.bucket_name)
    return Response()


async def bucket_location(call: Call) -> Response:
    """The bucket's region: the default one, which S3 writes as nothing."""
    call.store.bucket(call.bucket_name)
    return xml("LocationConstraint", [])
