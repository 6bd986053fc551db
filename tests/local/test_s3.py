"""The storage stand-in against aiobotocore, and over bare HTTP where a client is too polite."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, HTTPClientError

from local.vendors.server import RunningVendors, VendorsSettings, start_vendors
from tests.local.storage_clients import ACCESS, SECRET, body, client, refused


async def test_object_comes_back_with_its_type_and_metadata(s3: Any) -> None:
    await s3.put_object(
        Bucket="media",
        Key="a/x.txt",
        Body=b"hello world",
        ContentType="text/plain",
        CacheControl="max-age=60",
        Metadata={"project": "p1"},
    )
    head = await s3.head_object(Bucket="media", Key="a/x.txt")
    assert head["ContentLength"] == 11
    assert head["ContentType"] == "text/plain"
    assert head["CacheControl"] == "max-age=60"
    assert head["Metadata"] == {"project": "p1"}
    assert head["ETag"] == f'"{hashlib.md5(b"hello world").hexdigest()}"'
    assert datetime.now(UTC) - head["LastModified"] < timedelta(seconds=30)
    assert await body(s3, "a/x.txt") == b"hello world"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=6-10", b"world"),
        ("bytes=6-", b"world"),
        ("bytes=-5", b"world"),
        ("bytes=0-0", b"h"),
        ("bytes=6-999", b"world"),
        ("bytes=-999", b"hello world"),
    ],
)
async def test_range_answers_206(s3: Any, asked: str, expected: bytes) -> None:
    await s3.put_object(Bucket="media", Key="range", Body=b"hello world")
    answer = await s3.get_object(Bucket="media", Key="range", Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"].endswith("/11")
    assert await answer["Body"].read() == expected


@pytest.mark.parametrize(("size", "asked"), [(11, "bytes=11-"), (0, "bytes=0-"), (11, "bytes=-0")])
async def test_range_outside_the_object_is_416(s3: Any, size: int, asked: str) -> None:
    await s3.put_object(Bucket="media", Key="range", Body=b"x" * size)
    call = s3.get_object(Bucket="media", Key="range", Range=asked)
    assert await refused(call) == (416, "InvalidRange")


@pytest.mark.parametrize("asked", ["bytes=5-2", "lines=1-2", "bytes=0-1,3-4", "bytes=-"])
async def test_range_that_is_no_range_gets_everything(s3: Any, asked: str) -> None:
    await s3.put_object(Bucket="media", Key="range", Body=b"hello world")
    answer = await s3.get_object(Bucket="media", Key="range", Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


async def test_conditional_reads_answer_304_and_412(s3: Any) -> None:
    etag = (await s3.put_object(Bucket="media", Key="cond", Body=b"1"))["ETag"]
    call = s3.get_object(Bucket="media", Key="cond", IfNoneMatch=etag)
    assert (await refused(call))[0] == 304
    call = s3.get_object(Bucket="media", Key="cond", IfMatch='"other"')
    assert (await refused(call))[0] == 412
    long_ago = datetime.now(UTC) - timedelta(days=1)
    call = s3.get_object(Bucket="media", Key="cond", IfUnmodifiedSince=long_ago)
    assert (await refused(call))[0] == 412
    assert await body(s3, "cond", IfMatch=etag) == b"1"


async def test_missing_things_have_their_own_codes(s3: Any) -> None:
    assert await refused(s3.get_object(Bucket="media", Key="none")) == (404, "NoSuchKey")
    assert (await refused(s3.head_object(Bucket="media", Key="none")))[0] == 404
    assert await refused(s3.get_object(Bucket="nobucket", Key="x")) == (404, "NoSuchBucket")
    put = s3.put_object(Bucket="nobucket", Key="x", Body=b"1")
    assert await refused(put) == (404, "NoSuchBucket")
    assert await refused(s3.get_object_acl(Bucket="media", Key="x")) == (501, "NotImplemented")
    long = s3.put_object(Bucket="media", Key="k" * 1025, Body=b"")
    assert await refused(long) == (400, "KeyTooLongError")


async def test_put_if_absent_writes_once_among_many(s3: Any) -> None:
    puts = [
        s3.put_object(Bucket="media", Key="once", Body=b"%d" % n, IfNoneMatch="*") for n in range(8)
    ]
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    won = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, dict)]
    lost = [o.response["Error"]["Code"] for o in outcomes if isinstance(o, ClientError)]
    assert lost == ["PreconditionFailed"] * 7
    assert await body(s3, "once") == b"%d" % won[0]


@pytest.mark.parametrize(
    "key",
    [
        "blåbær/été/日本語/🏠.jpg",
        "a b+c&d=e?f#g%2F%20.txt",
        "../../../escape.txt",
        "..",
        "a/./b//c/",
        "_journal",
        "quote'\"<>&;:@,$!*()~`|^{}[]",
        "k" * 1024,
        "line\nbreak\r\x01\x7f\u202e",
    ],
)
async def test_any_key_is_kept_as_it_is_inside_the_root(
    s3: Any, storage: RunningVendors, key: str
) -> None:
    await s3.put_object(Bucket="media", Key=key, Body=key.encode())
    assert await body(s3, key) == key.encode()
    listed = await s3.list_objects_v2(Bucket="media", Prefix=key)
    assert key in [found["Key"] for found in listed["Contents"]]
    root = storage.stand_ins["s3"].state
    assert not list(root.parent.parent.rglob("*escape*"))
    await s3.delete_object(Bucket="media", Key=key)
    assert await refused(s3.get_object(Bucket="media", Key=key)) == (404, "NoSuchKey")


async def test_listing_pages_in_order_and_rolls_up_at_the_delimiter(s3: Any) -> None:
    names = [f"list/{folder}/{n}.jpg" for folder in "abc" for n in range(5)] + ["list/z.jpg"]
    for name in reversed(names):
        await s3.put_object(Bucket="media", Key=name, Body=b"1")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="media", Prefix="list/", PaginationConfig={"PageSize": 3}
    )
    found = [entry["Key"] async for page in pages for entry in page.get("Contents", [])]
    assert found == names
    rolled = await s3.list_objects_v2(Bucket="media", Prefix="list/", Delimiter="/")
    assert [p["Prefix"] for p in rolled["CommonPrefixes"]] == ["list/a/", "list/b/", "list/c/"]
    assert [entry["Key"] for entry in rolled["Contents"]] == ["list/z.jpg"]
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="media", Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    seen = [p async for page in pages for p in page.get("CommonPrefixes", [])]
    assert [p["Prefix"] for p in seen] == ["list/a/", "list/b/", "list/c/"]
    late = await s3.list_objects_v2(Bucket="media", Prefix="list/", StartAfter="list/c/3.jpg")
    assert [entry["Key"] for entry in late["Contents"]] == ["list/c/4.jpg", "list/z.jpg"]


async def test_copy_keeps_or_replaces_metadata_and_outlives_its_source(s3: Any) -> None:
    await s3.put_object(
        Bucket="media", Key="from å", Body=b"data", ContentType="image/png", Metadata={"k": "v"}
    )
    source = {"Bucket": "media", "Key": "from å"}
    await s3.copy_object(Bucket="media", Key="kept", CopySource=source)
    await s3.copy_object(
        Bucket="media",
        Key="replaced",
        CopySource=source,
        MetadataDirective="REPLACE",
        ContentType="image/jpeg",
    )
    itself = s3.copy_object(Bucket="media", Key="from å", CopySource=source)
    assert await refused(itself) == (400, "InvalidRequest")
    changed = s3.copy_object(
        Bucket="media", Key="kept", CopySource=source, CopySourceIfMatch="other"
    )
    assert await refused(changed) == (412, "PreconditionFailed")
    await s3.delete_object(**source)
    kept = await s3.head_object(Bucket="media", Key="kept")
    assert (kept["ContentType"], kept["Metadata"]) == ("image/png", {"k": "v"})
    replaced = await s3.head_object(Bucket="media", Key="replaced")
    assert (replaced["ContentType"], replaced["Metadata"]) == ("image/jpeg", {})
    assert await body(s3, "kept") == b"data"
    gone = s3.copy_object(Bucket="media", Key="again", CopySource=source)
    assert await refused(gone) == (404, "NoSuchKey")


async def test_many_keys_are_deleted_at_once(s3: Any) -> None:
    keys = ["del/1 & <2>", "del/å"]
    for key in keys:
        await s3.put_object(Bucket="media", Key=key, Body=b"1")
    wanted = {"Objects": [{"Key": key} for key in [*keys, "del/never"]]}
    answer = await s3.delete_objects(Bucket="media", Delete=wanted)
    assert [entry["Key"] for entry in answer["Deleted"]] == [*keys, "del/never"]
    assert (await s3.list_objects_v2(Bucket="media", Prefix="del/"))["KeyCount"] == 0


async def test_wrong_or_missing_key_opens_nothing(
    storage: RunningVendors, web: httpx.AsyncClient
) -> None:
    address = storage.addresses["s3"]
    async with client(address, secret="another") as other:
        call = other.put_object(Bucket="media", Key="x", Body=b"1")
        assert await refused(call) == (403, "SignatureDoesNotMatch")
    async with client(address, access="AKOTHER") as other:
        assert await refused(other.list_buckets()) == (403, "InvalidAccessKeyId")
    for method in ("GET", "HEAD", "PUT", "DELETE", "POST"):
        for path in ("/", "/media", "/media/a/x.txt"):
            assert (await web.request(method, address + path)).status_code == 403
    assert any(
        e["code"] == "AccessDenied" for e in storage.stand_ins["s3"].journal.entries("refused")
    )


async def test_upload_breaking_off_leaves_the_old_object(s3: Any, storage: RunningVendors) -> None:
    await s3.put_object(Bucket="media", Key="whole", Body=b"old")
    url = await s3.generate_presigned_url("put_object", Params={"Bucket": "media", "Key": "whole"})
    target = httpx.URL(url)
    _, writer = await asyncio.open_connection(target.host, target.port)
    head = f"PUT {target.raw_path.decode()} HTTP/1.1\r\nhost: {target.netloc.decode()}\r\n"
    writer.write(f"{head}content-length: 1000\r\n\r\nhalf".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    temporary = storage.stand_ins["s3"].state / "buckets/media/temporary"
    async with asyncio.timeout(5):
        while list(temporary.iterdir()):
            await asyncio.sleep(0.02)
    assert await body(s3, "whole") == b"old"


async def test_objects_survive_a_restart_and_rubbish_does_not(tmp_path: Path) -> None:
    settings = VendorsSettings(
        names=["s3"], state=tmp_path, s3_access_key=ACCESS, s3_secret_key=SECRET
    )
    running = await start_vendors(settings)
    async with client(running.addresses["s3"]) as s3:
        await s3.put_object(Bucket="media", Key="kept", Body=b"data", ContentType="image/png")
        await s3.put_object(Bucket="media", Key="gone", Body=b"data")
        await s3.delete_object(Bucket="media", Key="gone")
    await running.stop()
    bucket = tmp_path / "s3/buckets/media"
    (bucket / "temporary/half").write_bytes(b"half")
    folder = next((bucket / "objects").glob("*/*.data")).parent
    orphan = folder / "0.1.data"
    orphan.write_bytes(b"never committed")
    running = await start_vendors(settings)
    async with client(running.addresses["s3"]) as s3:
        listed = await s3.list_objects_v2(Bucket="media")
        assert [entry["Key"] for entry in listed["Contents"]] == ["kept"]
        assert await body(s3, "kept") == b"data"
    await running.stop()
    assert not orphan.exists()
    assert not list((bucket / "temporary").iterdir())


async def test_faults_come_in_s3_words(s3: Any, storage: RunningVendors) -> None:
    await s3.put_object(Bucket="media", Key="fault", Body=b"1")
    async with httpx.AsyncClient(base_url=storage.addresses["s3"]) as web:
        faults = [{"operation": "get", "kind": "error", "status": 503, "times": 1}]
        assert (await web.put("/_faults", json=faults)).status_code == 204
        assert await refused(s3.get_object(Bucket="media", Key="fault")) == (503, "SlowDown")
        assert await body(s3, "fault") == b"1"
        entries = (await web.get("/_journal", params={"operation": "fault"})).json()
    assert [entry["during"] for entry in entries] == ["get"]


async def test_write_whose_answer_is_lost_is_there(s3: Any, storage: RunningVendors) -> None:
    async with httpx.AsyncClient(base_url=storage.addresses["s3"]) as web:
        for kind in ("timeout_before", "timeout_after"):
            # For as long as it takes: the client itself tries again on a pooled connection.
            faults = [{"operation": "put", "kind": kind, "seconds": 0, "times": None}]
            await web.put("/_faults", json=faults)
            with pytest.raises((HTTPClientError, ConnectionError)):
                await s3.put_object(Bucket="media", Key=kind, Body=b"1")
        await web.delete("/_faults")
    listed = await s3.list_objects_v2(Bucket="media", Prefix="timeout_")
    assert [entry["Key"] for entry in listed["Contents"]] == ["timeout_after"]
