"""Uploads by HTML form: checks the signed policy, then stores the form's file."""

import asyncio
import base64
import hmac
import json
import shutil
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, BinaryIO

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from local.vendors.s3.call import object_headers, xml
from local.vendors.s3.errors import S3Error
from local.vendors.s3.records import Received, Stored
from local.vendors.s3.settings import S3Settings
from local.vendors.s3.signature import hmac_sha256, signing_key
from local.vendors.s3.store import Bucket

MOST_FORM_BYTES = 64 * 1024
UNCHECKED = ("x-amz-signature", "policy", "bucket")


async def post_object(
    request: Request, bucket: Bucket, settings: S3Settings
) -> tuple[str, Response]:
    """Store the file of a signed form: (key, answer); raises when a condition does not hold."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise S3Error("MissingContentLength")
    if int(length) > settings.max_object_bytes + MOST_FORM_BYTES:
        raise S3Error("EntityTooLarge")
    try:
        form = await request.form(max_files=1, max_fields=100)
    except HTTPException:
        raise S3Error("MalformedPOSTRequest") from None
    try:
        return await _stored(form, bucket, settings)
    finally:
        await form.close()


async def _stored(form: FormData, bucket: Bucket, settings: S3Settings) -> tuple[str, Response]:
    fields = {name.lower(): value for name, value in form.multi_items() if isinstance(value, str)}
    file = form.get("file")
    if not isinstance(file, UploadFile) or not fields.get("key"):
        raise S3Error("InvalidArgument", "POST requires exactly one key and one file")
    if "policy" not in fields:
        raise S3Error("AccessDenied")
    check_policy(fields, bucket.root.name, file.size or 0, settings)
    kept_headers = object_headers(fields.items())
    received = await asyncio.to_thread(_kept, file.file, bucket)
    key = fields["key"].replace("${filename}", file.filename or "")
    stored = Stored(key=key, size=received.size, etag=received.md5, headers=kept_headers)
    bucket.commit(received.path, stored)
    return key, _answer(fields.get("success_action_status"), bucket.root.name, stored)


def _answer(status: str | None, bucket: str, stored: Stored) -> Response:
    headers = {"etag": f'"{stored.etag}"'}
    if status != "201":
        return Response(status_code=200 if status == "200" else 204, headers=headers)
    tree = [("Bucket", bucket), ("Key", stored.key), ("ETag", headers["etag"])]
    response = xml("PostResponse", tree)
    response.status_code = 201
    return response


def _kept(file: BinaryIO, bucket: Bucket) -> Received:
    path, digest = bucket.temporary(), md5(usedforsecurity=False)
    with path.open("xb") as kept:
        shutil.copyfileobj(file, kept, 1024**2)
    with path.open("rb") as kept:
        while piece := kept.read(1024**2):
            digest.update(piece)
    return Received(path=path, size=path.stat().st_size, md5=digest.hexdigest())


def check_policy(fields: dict[str, str], bucket: str, size: int, settings: S3Settings) -> None:
    """Raise unless the account signed this policy and it allows these fields and this size."""
    _check_signature(fields, settings)
    try:
        policy = json.loads(base64.b64decode(fields["policy"], validate=True))
        expiration = datetime.fromisoformat(policy["expiration"].replace("Z", "+00:00"))
        conditions = [rule for given in policy["conditions"] for rule in _rules(given)]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise S3Error("InvalidPolicyDocument") from None
    if datetime.now(UTC) > expiration:
        raise S3Error("AccessDenied", "Invalid according to Policy: Policy expired.")
    values = {**fields, "bucket": bucket}
    for kind, name, value in conditions:
        _check_condition(kind, name, value, values, size)
    covered = {name for kind, name, _ in conditions if kind != "content-length-range"}
    extra = {n for n in fields if n not in (*UNCHECKED, *covered) and not n.startswith("x-ignore-")}
    if extra or "bucket" not in covered:
        raise S3Error("AccessDenied", "Invalid according to Policy: Extra input fields")


def _check_signature(fields: dict[str, str], settings: S3Settings) -> None:
    access_key, _, scope = fields.get("x-amz-credential", "").partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or fields.get("x-amz-algorithm") != "AWS4-HMAC-SHA256":
        raise S3Error("InvalidArgument", "The form's credential is malformed")
    if access_key != settings.access_key:
        raise S3Error("InvalidAccessKeyId")
    key = signing_key(settings.secret_key, *parts[:3])
    expected = hmac_sha256(key, fields["policy"]).hex()
    if not hmac.compare_digest(expected, fields.get("x-amz-signature", "")):
        raise S3Error("SignatureDoesNotMatch")


def _rules(given: Any) -> list[tuple[str, str, Any]]:
    """A condition as (kind, field, value); a length range is (kind, lowest, highest)."""
    if isinstance(given, dict):
        return [("eq", name.lower(), value) for name, value in given.items()]
    kind, first, second = given
    if kind == "content-length-range":
        return [(kind, str(int(first)), int(second))]
    if kind not in ("eq", "starts-with"):
        raise ValueError(kind)
    return [(kind, first.removeprefix("$").lower(), second)]


def _check_condition(kind: str, name: str, value: Any, fields: dict[str, str], size: int) -> None:
    if kind == "content-length-range":
        if size > value:
            raise S3Error("EntityTooLarge")
        if size < int(name):
            raise S3Error("EntityTooSmall")
        return
    actual = fields.get(name, "")
    holds = actual == value if kind == "eq" else actual.startswith(value)
    if not holds:
        raise S3Error("AccessDenied", f"Invalid according to Policy: {name}")
