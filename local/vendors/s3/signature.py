"""Checks AWS Signature Version 4, in the Authorization header and in presigned URLs."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from starlette.datastructures import Headers
from starlette.requests import Request

from local.vendors.s3.errors import S3Error
from local.vendors.s3.settings import S3Settings

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
SKEW = timedelta(minutes=15)
LONGEST_SECONDS = 7 * 24 * 3600
AUTHORIZATION = re.compile(
    ALGORITHM + r"\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})"
)

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Signed:
    """A request whose signature holds, and what its body's chunks are signed with."""

    payload: str
    signature: str
    timestamp: str
    scope: str
    key: bytes


@dataclass(frozen=True)
class Claim:
    """What a request says about its own signature, before anything is checked."""

    credential: str
    signed_headers: list[str]
    signature: str
    timestamp: str
    payload: str
    expires: int | None = None


def hmac_sha256(key: bytes, message: str) -> bytes:
    return hmac.new(key, message.encode(), hashlib.sha256).digest()


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The day's derived key, from the account's secret."""
    key = hmac_sha256(("AWS4" + secret).encode(), date)
    for part in (region, service, "aws4_request"):
        key = hmac_sha256(key, part)
    return key


def query_pairs(request: Request) -> list[tuple[str, str]]:
    """The query as sent, decoded once; a plus stays a plus, as S3 reads it."""
    raw: bytes = request.scope["query_string"]
    pairs = (part.partition(b"=") for part in raw.split(b"&") if part)
    try:
        return [
            (unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode())
            for name, _, value in pairs
        ]
    except UnicodeDecodeError:
        raise S3Error("InvalidURI") from None


def verify(request: Request, settings: S3Settings, now: datetime) -> Signed:
    """Prove that the account signed this request, its URL and its named headers; or refuse."""
    pairs = query_pairs(request)
    presigned = any(name in ("X-Amz-Signature", "X-Amz-Algorithm") for name, _ in pairs)
    header = request.headers.get("authorization")
    if presigned and header:
        raise S3Error("InvalidArgument", "Only one auth mechanism allowed")
    if not presigned and not header:
        raise S3Error("AccessDenied")
    claim = _from_query(dict(pairs), request.headers) if presigned else _from_header(request)
    _check_time(claim, now)
    _check_headers(claim, request.headers)
    signed = _check_account(claim, settings)
    canonical = _canonical(request, claim, pairs)
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{claim.timestamp}\n{signed.scope}\n{hashed}"
    if not hmac.compare_digest(hmac_sha256(signed.key, text).hex(), claim.signature):
        raise S3Error("SignatureDoesNotMatch")
    return signed


def _from_query(query: dict[str, str], headers: Headers) -> Claim:
    try:
        expires = int(query["X-Amz-Expires"])
        signed_headers = query["X-Amz-SignedHeaders"].split(";")
        payload = query.get("X-Amz-Content-Sha256", UNSIGNED)
        if "x-amz-content-sha256" in signed_headers:
            payload = headers["x-amz-content-sha256"]
        claim = Claim(
            credential=query["X-Amz-Credential"],
            signed_headers=signed_headers,
            signature=query["X-Amz-Signature"],
            timestamp=query["X-Amz-Date"],
            payload=payload,
            expires=expires,
        )
    except (KeyError, ValueError):
        raise S3Error("AuthorizationQueryParametersError") from None
    if query["X-Amz-Algorithm"] != ALGORITHM or not 1 <= expires <= LONGEST_SECONDS:
        raise S3Error("AuthorizationQueryParametersError")
    return claim


def _from_header(request: Request) -> Claim:
    found = AUTHORIZATION.fullmatch(request.headers["authorization"].strip())
    if found is None:
        raise S3Error("AuthorizationHeaderMalformed")
    payload = request.headers.get("x-amz-content-sha256")
    if payload is None:
        raise S3Error("InvalidRequest", "Missing required header: x-amz-content-sha256")
    return Claim(
        credential=found[1],
        signed_headers=found[2].split(";"),
        signature=found[3],
        timestamp=request.headers.get("x-amz-date", ""),
        payload=payload,
    )


def _check_time(claim: Claim, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise S3Error("AccessDenied", "A valid x-amz-date is required") from None
    if claim.expires is None:
        if abs(now - signed_at) > SKEW:
            raise S3Error("RequestTimeTooSkewed")
    elif signed_at - now > SKEW:
        raise S3Error("AccessDenied", "Request is not valid yet")
    elif now > signed_at + timedelta(seconds=claim.expires):
        raise S3Error("AccessDenied", "Request has expired")


def _check_headers(claim: Claim, headers: Headers) -> None:
    """Unsigned x-amz headers would let a holder of a URL change what it does."""
    needed = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if not needed <= set(claim.signed_headers):
        raise S3Error("AccessDenied", "There were headers present which were not signed")


def _check_account(claim: Claim, settings: S3Settings) -> Signed:
    access_key, _, scope = claim.credential.partition("/")
    parts = scope.split("/")
    if len(parts) != 4 or parts[2:] != ["s3", "aws4_request"]:
        raise S3Error("AuthorizationHeaderMalformed")
    if parts[0] != claim.timestamp[:8]:
        raise S3Error("SignatureDoesNotMatch")
    if access_key != settings.access_key:
        raise S3Error("InvalidAccessKeyId")
    key = signing_key(settings.secret_key, parts[0], parts[1], parts[2])
    return Signed(claim.payload, claim.signature, claim.timestamp, scope, key)


def _canonical(request: Request, claim: Claim, pairs: Pairs) -> str:
    path = quote(unquote_to_bytes(request.scope["raw_path"]), safe="/-_.~")
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in pairs
        if name != "X-Amz-Signature"
    )
    headers = "".join(
        f"{name}:{','.join(' '.join(v.split()) for v in request.headers.getlist(name))}\n"
        for name in claim.signed_headers
    )
    return "\n".join(
        [
            request.method,
            path,
            "&".join(f"{name}={value}" for name, value in query),
            headers,
            ";".join(claim.signed_headers),
            claim.payload,
        ]
    )
