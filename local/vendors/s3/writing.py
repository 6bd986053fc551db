"""PUT, copy and DELETE of objects."""

import os
from urllib.parse import unquote

from starlette.responses import Response

from local.vendors.s3.call import Call, iso, object_headers, xml
from local.vendors.s3.documents import deleted_keys
from local.vendors.s3.errors import S3Error
from local.vendors.s3.reading import check_conditions
from local.vendors.s3.records import Stored
from local.vendors.s3.store import Bucket, checked_key


async def put_object(call: Call) -> Response:
    """Store the body, once all of it has come and every promise about it was kept."""
    checked_key(call.key)
    bucket, condition = call.bucket, call.condition()
    condition.check(bucket.find(call.key))
    headers = object_headers(call.request.headers.items())
    received = await bucket.receive(call.payload().pieces())
    stored = Stored(key=call.key, size=received.size, etag=received.md5, headers=headers)
    bucket.commit(received.path, stored, condition)
    return Response(headers={"etag": f'"{stored.etag}"'})


def _source(call: Call) -> tuple[Bucket, Stored]:
    header = call.request.headers["x-amz-copy-source"]
    path, _, version = header.partition("?")
    if version:
        raise S3Error("NotImplemented", "Versions are not implemented")
    name, _, key = unquote(path, errors="strict").lstrip("/").partition("/")
    bucket = call.store.bucket(name)
    return bucket, bucket.get(key)


async def copy_object(call: Call) -> Response:
    """Give the same bytes another name; data files never change, so a link is a copy."""
    source_bucket, source = _source(call)
    check_conditions(call.request.headers, source, "x-amz-copy-source-")
    directive = call.request.headers.get("x-amz-metadata-directive", "COPY").upper()
    if directive not in ("COPY", "REPLACE"):
        raise S3Error("InvalidArgument", "Unknown metadata directive.")
    bucket = call.bucket
    is_itself = (source_bucket, source.key) == (bucket, call.key)
    if directive == "COPY" and is_itself:
        raise S3Error("InvalidRequest", "This copy request is illegal: it changes nothing.")
    headers = source.headers
    if directive == "REPLACE":
        headers = object_headers(call.request.headers.items())
    link = bucket.temporary()
    os.link(source_bucket.path(source), link)
    copy = Stored(key=call.key, size=source.size, etag=source.etag, headers=headers)
    stored = bucket.commit(link, copy, call.condition())
    tree = [("LastModified", iso(stored.modified)), ("ETag", f'"{stored.etag}"')]
    return xml("CopyObjectResult", tree)


async def delete_object(call: Call) -> Response:
    """Delete; what is not there counts as deleted."""
    call.bucket.remove(call.key)
    return Response(status_code=204)


async def delete_objects(call: Call) -> Response:
    """Delete up to 1,000 keys named in the body, which must carry a checksum."""
    payload = call.payload()
    if not payload.has_checksum:
        raise S3Error("InvalidRequest", "Missing required header: Content-MD5")
    keys, quiet = deleted_keys(await payload.whole())
    bucket = call.bucket
    for key in keys:
        bucket.remove(key)
    return xml("DeleteResult", [] if quiet else [("Deleted", [("Key", key)]) for key in keys])
