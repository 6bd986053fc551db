"""The storage stand-in as a web application: path-style S3 for one account."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.vendors.control import StandIn
from local.vendors.misbehaviour import misbehave
from local.vendors.s3 import cors, listing, multipart, reading, writing
from local.vendors.s3.call import Call
from local.vendors.s3.errors import S3Error, refusal
from local.vendors.s3.post_policy import post_object
from local.vendors.s3.settings import S3Settings
from local.vendors.s3.signature import query_pairs, verify
from local.vendors.s3.store import Store

Handler = Callable[[Call], Awaitable[Response]]
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"]
CHANGES = ("put", "copy", "delete", "delete_many", "complete_upload", "create_upload")

# (method, what it is about, the query parameter that decides) -> (operation, handler)
OPERATIONS: list[tuple[str, str, str, str, Handler]] = [
    ("GET", "object", "uploadId", "list_parts", multipart.list_parts),
    ("GET", "object", "", "get", reading.get_object),
    ("HEAD", "object", "", "head", reading.get_object),
    ("PUT", "object", "uploadId", "upload_part", multipart.upload_part),
    ("PUT", "object", "", "put", writing.put_object),
    ("POST", "object", "uploads", "create_upload", multipart.create_upload),
    ("POST", "object", "uploadId", "complete_upload", multipart.complete_upload),
    ("DELETE", "object", "uploadId", "abort_upload", multipart.abort_upload),
    ("DELETE", "object", "", "delete", writing.delete_object),
    ("GET", "bucket", "uploads", "list_uploads", multipart.list_uploads),
    ("GET", "bucket", "location", "bucket_location", listing.bucket_location),
    ("GET", "bucket", "", "list", listing.list_objects),
    ("HEAD", "bucket", "", "head_bucket", listing.head_bucket),
    ("PUT", "bucket", "", "create_bucket", listing.create_bucket),
    ("POST", "bucket", "delete", "delete_many", writing.delete_objects),
    ("GET", "account", "", "list_buckets", listing.list_buckets),
]
# Acting on the object itself when some other subresource was asked for would be a disaster.
UNDERSTOOD = re.compile(
    r"X-Amz-.*|x-id|response-.*|list-type|prefix|delimiter|max-keys|continuation-token"
    r"|start-after|encoding-type|fetch-owner|location|delete|uploads|max-uploads"
    r"|uploadId|partNumber|part-number-marker|max-parts"
)


def create_app(stand_in: StandIn, settings: S3Settings) -> Starlette:
    """S3 over the files in the stand-in's state directory, with the settings' buckets."""
    store = Store(stand_in.state / "buckets", settings.buckets)

    async def answer(request: Request) -> Response:
        try:
            response = await _answer(request, stand_in, settings, store)
        except S3Error as error:
            if error.status == 403:
                stand_in.journal.record("refused", code=error.code, method=request.method)
            response = error.response(request.scope["raw_path"].decode("latin-1"))
        response.headers.update(cors.allow(request.headers, settings))
        return response

    # A route's pattern stops at a line break, and a key may have one.
    everything = Route("/", answer, methods=METHODS)
    app = Starlette(routes=stand_in.routes())
    app.router.default = everything.handle
    return app


async def _answer(
    request: Request, stand_in: StandIn, settings: S3Settings, store: Store
) -> Response:
    bucket, key = _target(request)
    if request.method == "OPTIONS":
        return cors.preflight(request.headers, settings)
    form = request.headers.get("content-type", "").startswith("multipart/form-data")
    if request.method == "POST" and bucket and not key and form:

        async def post() -> Response:
            posted, response = await post_object(request, store.bucket(bucket), settings)
            stand_in.journal.record("post", bucket=bucket, key=posted)
            return response

        return await misbehave(stand_in, "post", post, refusal)
    signed = verify(request, settings, datetime.now(UTC))
    call = Call(request, signed, settings, store, bucket, key, dict(query_pairs(request)))
    operation, handler = _operation(call)

    async def work() -> Response:
        response = await handler(call)
        if operation in CHANGES:
            stand_in.journal.record(operation, bucket=bucket, key=key)
        return response

    return await misbehave(stand_in, operation, work, refusal)


def _target(request: Request) -> tuple[str, str]:
    """(bucket, key) of a path-style URL, read from the raw path so `..` stays text."""
    try:
        path = unquote_to_bytes(request.scope["raw_path"]).decode()
    except UnicodeDecodeError:
        raise S3Error("InvalidURI") from None
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key


def _operation(call: Call) -> tuple[str, Handler]:
    if not all(UNDERSTOOD.fullmatch(name) for name in call.query):
        raise S3Error("NotImplemented", "A query parameter is not implemented")
    about = "object" if call.key else "bucket" if call.bucket_name else "account"
    method = call.request.method
    for wanted, subject, parameter, operation, handler in OPERATIONS:
        if (wanted, subject) != (method, about) or (parameter and parameter not in call.query):
            continue
        if operation == "put" and "x-amz-copy-source" in call.request.headers:
            return "copy", writing.copy_object
        return operation, handler
    raise S3Error("MethodNotAllowed")
