"""Who may do what in the storage stand-in: presigned URLs, forms, chunks, other keys."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import obstore
import pytest

from local.vendors.s3.signature import signing_key
from tests.local.storage_clients import ACCESS, SECRET, body, code, obstore_store, refused


async def signed_put(s3: Any, key: str, seconds: int = 60) -> str:
    url: str = await s3.generate_presigned_url(
        "put_object",
        Params={"Bucket": "media", "Key": key, "ContentType": "image/png", "ContentLength": 5},
        ExpiresIn=seconds,
    )
    return url


PNG = {"content-type": "image/png"}


async def test_presigned_put_takes_exactly_what_was_signed(s3: Any, web: httpx.AsyncClient) -> None:
    url = await signed_put(s3, "up/1.png")
    for content, headers in [
        (b"12345", {"content-type": "text/html"}),
        (b"12345", {}),
        (b"123456", PNG),
        (b"1234", PNG),
        (b"12345", {**PNG, "x-amz-meta-role": "admin"}),
        (b"12345", {**PNG, "x-amz-copy-source": "media/secret"}),
    ]:
        answer = await web.put(url, content=content, headers=headers)
        assert answer.status_code == 403
        assert code(answer) in ("SignatureDoesNotMatch", "AccessDenied")
    call = s3.head_object(Bucket="media", Key="up/1.png")
    assert (await refused(call))[0] == 404
    assert (await web.put(url, content=b"12345", headers=PNG)).status_code == 200
    assert await body(s3, "up/1.png") == b"12345"


async def test_presigned_url_opens_nothing_else(s3: Any, web: httpx.AsyncClient) -> None:
    url = await signed_put(s3, "up/2.png")
    changed = [
        url.replace("up/2.png", "up/3.png"),
        url.replace("up/2.png", "up//2.png"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        url.replace("X-Amz-Signature=", "X-Amz-Signature=00"),
        url + "&acl=",
        url + "&uploadId=1&partNumber=1",
        url.replace("content-length%3B", ""),
        url.replace(ACCESS, "AKOTHER"),
    ]
    assert len({url, *changed}) == 9
    for tampered in changed:
        answer = await web.put(tampered, content=b"12345", headers=PNG)
        assert answer.status_code == 403, tampered
    assert (await web.get(url)).status_code == 403
    assert (await web.delete(url)).status_code == 403


async def test_presigned_url_expires(s3: Any, web: httpx.AsyncClient) -> None:
    async def presigned_at(moment: datetime) -> httpx.Response:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.auth.get_current_datetime", lambda **_: moment)
            url = await signed_put(s3, "up/late.png")
        return await web.put(url, content=b"12345", headers=PNG)

    now = datetime.now(UTC)
    late = await presigned_at(now - timedelta(seconds=62))
    assert (late.status_code, code(late)) == (403, "AccessDenied")
    assert "expired" in late.text
    early = await presigned_at(now + timedelta(minutes=16))
    assert (early.status_code, code(early)) == (403, "AccessDenied")
    assert (await presigned_at(now - timedelta(seconds=30))).status_code == 200


async def test_presigned_get_serves_ranges_and_names_the_download(
    s3: Any, web: httpx.AsyncClient
) -> None:
    await s3.put_object(Bucket="media", Key="film.mp4", Body=b"hello world")
    disposition = 'attachment; filename="blå.mp4"'
    url = await s3.generate_presigned_url(
        "get_object",
        Params={
            "Bucket": "media",
            "Key": "film.mp4",
            "ResponseContentDisposition": disposition,
            "ResponseContentType": "video/mp4",
        },
        ExpiresIn=60,
    )
    page = {"origin": "http://localhost:3000"}
    answer = await web.get(url, headers={"range": "bytes=0-4", **page})
    assert (answer.status_code, answer.content) == (206, b"hello")
    assert answer.headers["content-range"] == "bytes 0-4/11"
    assert answer.headers["content-disposition"] == disposition
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["access-control-allow-origin"] == "*"
    injected = await s3.generate_presigned_url(
        "get_object",
        Params={"Bucket": "media", "Key": "film.mp4", "ResponseContentType": "a\r\nset-cookie: b"},
    )
    assert (await web.get(injected)).status_code == 400


async def test_preflight_allows_what_the_settings_allow(
    address: str, web: httpx.AsyncClient
) -> None:
    asked = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "content-type",
    }
    answer = await web.options(f"{address}/media/up/1.png", headers=asked)
    assert answer.status_code == 200
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "content-type"
    asked["access-control-request-method"] = "PATCH"
    assert (await web.options(f"{address}/media/x", headers=asked)).status_code == 403


async def form(s3: Any, key: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = await s3.generate_presigned_post(
        "media",
        key,
        Fields={"Content-Type": "image/jpeg"},
        Conditions=[{"Content-Type": "image/jpeg"}, ["content-length-range", 2, 10]],
        ExpiresIn=60,
        **more,
    )
    return made


@pytest.mark.parametrize(
    ("content", "changes", "status", "expected"),
    [
        (b"abc", {}, 204, ""),
        (b"x" * 11, {}, 400, "EntityTooLarge"),
        (b"x", {}, 400, "EntityTooSmall"),
        (b"abc", {"key": "elsewhere"}, 403, "AccessDenied"),
        (b"abc", {"Content-Type": "text/html"}, 403, "AccessDenied"),
        (b"abc", {"x-amz-meta-role": "admin"}, 403, "AccessDenied"),
        (b"abc", {"x-amz-signature": "0" * 64}, 403, "SignatureDoesNotMatch"),
        (b"abc", {"policy": ""}, 403, "SignatureDoesNotMatch"),
        (b"abc", {"Content-Type": "image/jpeg\r\nset-cookie: a"}, 403, "AccessDenied"),
    ],
)
async def test_form_upload_obeys_its_policy(
    s3: Any,
    web: httpx.AsyncClient,
    content: bytes,
    changes: dict[str, str],
    status: int,
    expected: str,
) -> None:
    key = f"post/{hashlib.sha256(repr((content, changes)).encode()).hexdigest()}.jpg"
    made = await form(s3, key)
    fields = {**made["fields"], **changes}
    answer = await web.post(made["url"], data=fields, files={"file": ("1.jpg", content)})
    assert (answer.status_code, code(answer)) == (status, expected)
    listed = await s3.list_objects_v2(Bucket="media", Prefix=key)
    assert listed["KeyCount"] == (1 if status == 204 else 0)


async def test_form_policy_expires(s3: Any, web: httpx.AsyncClient) -> None:
    made = await form(s3, "post/late.jpg")
    policy = json.loads(base64.b64decode(made["fields"]["policy"]))
    policy["expiration"] = "2020-01-01T00:00:00Z"
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    parts = made["fields"]["x-amz-credential"].split("/")
    key = signing_key(SECRET, *parts[1:4])
    signature = hmac.new(key, encoded.encode(), hashlib.sha256).hexdigest()
    fields = {**made["fields"], "policy": encoded, "x-amz-signature": signature}
    answer = await web.post(made["url"], data=fields, files={"file": ("1.jpg", b"abc")})
    assert (answer.status_code, code(answer)) == (403, "AccessDenied")


async def test_obstore_reads_and_writes(address: str, web: httpx.AsyncClient) -> None:
    store = obstore_store(address)
    film = bytes(range(256)) * 50_000
    await obstore.put_async(store, "obs/å/1.bin", film, attributes={"Content-Type": "video/mp4"})
    got = await obstore.get_async(store, "obs/å/1.bin")
    assert got.attributes["Content-Type"] == "video/mp4"
    assert bytes(await got.bytes_async()) == film
    part = await obstore.get_range_async(store, "obs/å/1.bin", start=254, end=258)
    assert bytes(part) == bytes([254, 255, 0, 1])
    assert (await obstore.head_async(store, "obs/å/1.bin"))["size"] == len(film)
    await obstore.copy_async(store, "obs/å/1.bin", "obs/2.bin")
    listed = await obstore.list(store, "obs").collect_async()
    assert sorted(entry["path"] for entry in listed) == ["obs/2.bin", "obs/å/1.bin"]
    await obstore.delete_async(store, ["obs/å/1.bin", "obs/2.bin"])
    assert await obstore.list(store, "obs").collect_async() == []
    await obstore.put_async(store, "obs/3.bin", b"1", mode="create")
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        await obstore.put_async(store, "obs/3.bin", b"2", mode="create")
    url = await obstore.sign_async(store, "PUT", "obs/4.bin", timedelta(seconds=60))
    assert (await web.put(url, content=b"abc")).status_code == 200
    url = await obstore.sign_async(store, "GET", "obs/4.bin", timedelta(seconds=60))
    assert (await web.get(url)).content == b"abc"


async def test_obstore_with_another_key_is_refused(address: str) -> None:
    store = obstore_store(address, secret="another")
    with pytest.raises(obstore.exceptions.BaseError):
        await obstore.put_async(store, "x", b"1")
