"""Signed bodies in the storage stand-in: whole, in chunks, with trailing checksums."""

import base64
import hashlib
import hmac
import zlib
from typing import Any

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.vendors.s3.chunks import chunk_signature
from local.vendors.s3.signature import Signed, signing_key
from tests.local.storage_clients import ACCESS, SECRET, body, client, code, refused


def test_chunk_signatures_are_those_of_the_published_example() -> None:
    key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3")
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    scope = "20130524/us-east-1/s3/aws4_request"
    signed = Signed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", seed, "20130524T000000Z", scope, key)
    previous = seed
    for size, expected in [
        (65536, "ad80c730a21e5b8d"),
        (1024, "0055627c9e194cb4"),
        (0, "b6c6ea8a5354eaf1"),
    ]:
        previous = chunk_signature(signed, previous, hashlib.sha256(b"a" * size).hexdigest())
        assert previous.startswith(expected)


def signed_headers(url: str, headers: dict[str, str], payload: str) -> dict[str, str]:
    """The headers of a PUT signed for a body of this hash or mode."""
    request = AWSRequest("PUT", url, headers=headers)
    signer = S3SigV4Auth(Credentials(ACCESS, SECRET), "s3", "us-east-1")
    signer.payload = lambda _: payload
    signer.add_auth(request)
    return dict(request.headers.items())


def chunked(
    address: str, pieces: list[bytes], spoil: str = "", trailer: str = ""
) -> tuple[str, dict[str, str], bytes]:
    """A PUT in signed chunks, as (url, headers, body); `spoil` names what to get wrong."""
    mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    whole = b"".join(pieces)
    headers = {
        "x-amz-decoded-content-length": str(len(whole) + (spoil == "length")),
        "content-encoding": "aws-chunked",
    }
    if trailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    url = f"{address}/media/chunked"
    sent = signed_headers(url, headers, mode)
    previous = sent["Authorization"].rpartition("=")[2]
    timestamp = sent["X-Amz-Date"]
    scope = f"{timestamp[:8]}/us-east-1/s3/aws4_request"
    key = signing_key(SECRET, timestamp[:8], "us-east-1", "s3")
    signed = Signed(mode, previous, timestamp, scope, key)
    out = b""
    for piece in [*pieces, b""]:
        previous = chunk_signature(signed, previous, hashlib.sha256(piece).hexdigest())
        shown = "0" * 64 if spoil == "signature" and not piece else previous
        data = piece.replace(b"b", b"c") if spoil == "data" else piece
        out += f"{len(piece):x};chunk-signature={shown}\r\n".encode() + data
        out += b"\r\n" if piece else b""
    if trailer:
        line = f"x-amz-checksum-crc32:{trailer}"
        text = hashlib.sha256(f"{line}\n".encode()).hexdigest()
        parts = ["AWS4-HMAC-SHA256-TRAILER", timestamp, scope, previous, text]
        signature = hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()
        out += f"{line}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    return url, sent, out + b"\r\n"


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("trailer", ["", crc32(b"a" * 70_000 + b"b" * 10)])
async def test_signed_chunks_are_unwrapped(
    address: str, s3: Any, web: httpx.AsyncClient, trailer: str
) -> None:
    url, headers, sent = chunked(address, [b"a" * 70_000, b"b" * 10], trailer=trailer)
    assert (await web.put(url, headers=headers, content=sent)).status_code == 200
    assert await body(s3, "chunked") == b"a" * 70_000 + b"b" * 10
    head = await s3.head_object(Bucket="media", Key="chunked")
    assert "ContentEncoding" not in head


@pytest.mark.parametrize(
    ("spoil", "trailer", "expected"),
    [
        ("data", "", "SignatureDoesNotMatch"),
        ("signature", "", "SignatureDoesNotMatch"),
        ("length", "", "IncompleteBody"),
        ("", crc32(b"other"), "BadDigest"),
    ],
)
async def test_spoilt_chunks_store_nothing(
    address: str, s3: Any, web: httpx.AsyncClient, spoil: str, trailer: str, expected: str
) -> None:
    await s3.delete_object(Bucket="media", Key="chunked")
    url, headers, sent = chunked(address, [b"aaa", b"bbb"], spoil, trailer)
    answer = await web.put(url, headers=headers, content=sent)
    assert code(answer) == expected
    assert (await refused(s3.head_object(Bucket="media", Key="chunked")))[0] == 404


async def test_body_must_be_the_signed_one(address: str, web: httpx.AsyncClient) -> None:
    payload = hashlib.sha256(b"signed").hexdigest()
    headers = signed_headers(f"{address}/media/x", {}, payload)
    answer = await web.put(f"{address}/media/x", headers=headers, content=b"forged")
    assert (answer.status_code, code(answer)) == (400, "XAmzContentSHA256Mismatch")


async def test_checksum_header_is_verified(address: str) -> None:
    async with client(address, request_checksum_calculation="when_supported") as s3:
        await s3.put_object(Bucket="media", Key="checked", Body=b"data" * 1000)
        assert await body(s3, "checked") == b"data" * 1000
        wrong = s3.put_object(Bucket="media", Key="t", Body=b"data", ChecksumSHA256=crc32(b"x"))
        assert await refused(wrong) == (400, "BadDigest")


@pytest.mark.parametrize(
    ("checksum", "status", "expected"),
    [(crc32(b"abc"), 200, ""), (crc32(b"abd"), 400, "BadDigest"), ("", 400, "MalformedXML")],
)
async def test_unsigned_chunks_are_unwrapped_and_their_trailer_verified(
    address: str, web: httpx.AsyncClient, checksum: str, status: int, expected: str
) -> None:
    mode, url = "STREAMING-UNSIGNED-PAYLOAD-TRAILER", f"{address}/media/unsigned"
    headers = {
        "x-amz-decoded-content-length": "3",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "content-encoding": "aws-chunked",
    }
    headers = signed_headers(url, headers, mode)
    line = f"x-amz-checksum-crc32:{checksum}\r\n" if checksum else ""
    sent = f"2\r\nab\r\n1\r\nc\r\n0\r\n{line}\r\n"
    answer = await web.put(url, headers=headers, content=sent.encode())
    assert (answer.status_code, code(answer)) == (status, expected)
