"""The multipart operations: create, upload, list, complete, abort."""

import asyncio

from starlette.responses import Response

from local.vendors.s3.call import Call, Tree, iso, object_headers, xml
from local.vendors.s3.documents import completed_parts
from local.vendors.s3.errors import S3Error
from local.vendors.s3.records import Stored
from local.vendors.s3.uploads import MOST_PARTS, Upload, Uploads, joined_etag


def _open(call: Call) -> tuple[Uploads, Upload]:
    uploads = Uploads(call.bucket)
    return uploads, uploads.get(call.query["uploadId"], call.key)


async def create_upload(call: Call) -> Response:
    """Open an upload; the object gets this request's headers when it completes."""
    headers = object_headers(call.request.headers.items())
    upload = Uploads(call.bucket).create(call.key, headers)
    tree = [("Bucket", call.bucket_name), ("Key", call.key), ("UploadId", upload.id)]
    return xml("InitiateMultipartUploadResult", tree)


async def upload_part(call: Call) -> Response:
    """Keep one part; its etag is what completion must name."""
    if "x-amz-copy-source" in call.request.headers:
        raise S3Error("NotImplemented", "UploadPartCopy is not implemented")
    number = call.number("partNumber", 0, MOST_PARTS + 1)
    if not 1 <= number <= MOST_PARTS:
        raise S3Error("InvalidArgument", "Part number must be between 1 and 10000")
    uploads, upload = _open(call)
    received = await call.bucket.receive(call.payload().pieces())
    uploads.add(upload, number, received)
    return Response(headers={"etag": f'"{received.md5}"'})


async def complete_upload(call: Call) -> Response:
    """Join the listed parts into the object; asking again after success succeeds again."""
    listed = completed_parts(await call.payload().whole())
    done = call.bucket.find(call.key)
    if done is not None and done.upload_id == call.query["uploadId"]:
        return _completed(call, done)
    uploads, upload = _open(call)
    parts = uploads.chosen(upload, listed)
    size = sum(part.size for part in parts)
    if size > call.settings.max_object_bytes:
        raise S3Error("EntityTooLarge")
    condition = call.condition()
    condition.check(done)
    try:
        whole = await asyncio.to_thread(uploads.join, parts)
    except FileNotFoundError:
        # Completed or aborted by someone else meanwhile.
        raise S3Error("NoSuchUpload") from None
    stored = Stored(
        key=call.key,
        size=size,
        etag=joined_etag(parts),
        headers=upload.headers,
        upload_id=upload.id,
    )
    stored = call.bucket.commit(whole, stored, condition)
    uploads.remove(upload)
    return _completed(call, stored)


def _completed(call: Call, stored: Stored) -> Response:
    location = str(call.request.url.replace(query=""))
    tree = [
        ("Location", location),
        ("Bucket", call.bucket_name),
        ("Key", call.key),
        ("ETag", f'"{stored.etag}"'),
    ]
    return xml("CompleteMultipartUploadResult", tree)


async def abort_upload(call: Call) -> Response:
    """Forget an upload and free its parts."""
    uploads, upload = _open(call)
    uploads.remove(upload)
    return Response(status_code=204)


async def list_parts(call: Call) -> Response:
    """The parts kept so far, a page at a time."""
    uploads, upload = _open(call)
    after, most = (
        call.number("part-number-marker", 0, MOST_PARTS),
        call.number("max-parts", 1000, 1000),
    )
    parts = [part for part in uploads.parts(upload) if part.number > after]
    page, is_truncated = parts[:most], len(parts) > most
    tree: list[tuple[str, str | int | Tree]] = [
        ("Bucket", call.bucket_name),
        ("Key", call.key),
        ("UploadId", upload.id),
        ("PartNumberMarker", after),
        ("NextPartNumberMarker", page[-1].number if page else 0),
        ("MaxParts", most),
        ("IsTruncated", str(is_truncated).lower()),
    ]
    for part in page:
        shown: Tree = [
            ("PartNumber", part.number),
            ("LastModified", iso(part.modified)),
            ("ETag", f'"{part.etag}"'),
            ("Size", part.size),
        ]
        tree.append(("Part", shown))
    return xml("ListPartsResult", tree)


async def list_uploads(call: Call) -> Response:
    """Every open upload of the bucket with the prefix asked for."""
    prefix = call.query.get("prefix", "")
    tree: list[tuple[str, str | int | Tree]] = [
        ("Bucket", call.bucket_name),
        ("Prefix", prefix),
        ("IsTruncated", "false"),
    ]
    for upload in Uploads(call.bucket).open():
        if upload.key.startswith(prefix):
            shown = [
                ("Key", upload.key),
                ("UploadId", upload.id),
                ("Initiated", iso(upload.started)),
            ]
            tree.append(("Upload", shown))
    return xml("ListMultipartUploadsResult", tree)
