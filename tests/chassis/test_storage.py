"""Media storage: signed doors are as narrow as they say, and reading is bounded."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from chassis.settings import StorageSettings
from chassis.storage import ObjectMissing, ObjectTooLarge, Storage
from local.vendors.server import VendorsSettings, start_vendors


@pytest.fixture(scope="module")
async def storage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storage]:
    settings = VendorsSettings(state=tmp_path_factory.mktemp("s3"), names=["s3"])
    vendors = await start_vendors(settings)
    own = StorageSettings(
        endpoint_url=vendors.addresses["s3"],
        bucket=settings.s3_buckets[0],
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
    )
    async with Storage(own) as storage:
        yield storage
    await vendors.stop()


async def put(url: str, body: bytes, content_type: str) -> int:
    async with httpx.AsyncClient(timeout=10) as client:
        headers = {"content-type": content_type}
        return (await client.put(url, content=body, headers=headers)).status_code


async def test_signed_upload_accepts_exactly_its_type_and_length(storage: Storage) -> None:
    url = await storage.sign_put("in/a", content_type="image/jpeg", size_bytes=5, seconds=60)
    assert await put(url, b"12345", "image/png") == 403
    assert await put(url, b"123456", "image/jpeg") == 403
    assert await put(url, b"1234", "image/jpeg") == 403
    assert await put(url.replace("in/a", "in/b"), b"12345", "image/jpeg") == 403
    assert await put(url, b"12345", "image/jpeg") == 200
    found = await storage.head("in/a")
    assert (found.size_bytes, found.content_type) == (5, "image/jpeg")


async def test_signed_urls_end(storage: Storage) -> None:
    await storage.write("end", b"x", content_type="text/plain")
    read = await storage.sign_get("end", seconds=1)
    write = await storage.sign_put("end", content_type="text/plain", size_bytes=1, seconds=1)
    async with httpx.AsyncClient(timeout=10) as client:
        async with asyncio.timeout(10):
            while (await client.get(read)).status_code != 403:
                await asyncio.sleep(0.1)
    assert await put(write, b"y", "text/plain") == 403


async def test_signed_download_may_be_saved_under_a_name(storage: Storage) -> None:
    await storage.write("d", b"film", content_type="video/mp4")
    url = await storage.sign_get("d", seconds=60, file_name="My house.mp4")
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.get(url)
    assert answer.content == b"film"
    assert answer.headers["content-disposition"] == 'attachment; filename="My house.mp4"'


async def test_reading_stops_at_the_limit(storage: Storage) -> None:
    await storage.write("r", b"0123456789", content_type="text/plain")
    assert await storage.read("r", max_bytes=10) == b"0123456789"
    with pytest.raises(ObjectTooLarge):
        await storage.read("r", max_bytes=9)


async def test_large_object_streams_in_pieces_and_comes_back_whole(
    storage: Storage, tmp_path: Path
) -> None:
    data = bytes(range(256)) * 4 * 1024 * 3
    path = tmp_path / "up"
    path.write_bytes(data)
    await storage.upload(path, "big", content_type="application/octet-stream")
    pieces = [piece async for piece in storage.stream("big")]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 1024 * 1024
    await storage.download("big", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == data


async def test_copy_takes_only_what_was_looked_at(storage: Storage) -> None:
    await storage.write("from", b"first", content_type="text/plain")
    seen = await storage.head("from")
    await storage.copy("from", "to", if_etag=seen.etag)
    await storage.write("from", b"other", content_type="text/plain")
    with pytest.raises(ClientError) as refused:
        await storage.copy("from", "to", if_etag=seen.etag)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert await storage.read("to", max_bytes=10) == b"first"


async def test_what_is_missing_is_told_so_and_may_be_deleted(storage: Storage) -> None:
    with pytest.raises(ObjectMissing):
        await storage.head("none")
    with pytest.raises(ObjectMissing):
        await storage.read("none", max_bytes=1)
    with pytest.raises(ObjectMissing):
        await storage.copy("none", "to")
    await storage.delete("none")


async def test_prefix_of_1050_objects_is_deleted_with_all_its_folders(storage: Storage) -> None:
    keys = [f"w1/{number % 7}/{number}/original" for number in range(1050)]
    for start in range(0, len(keys), 50):
        await asyncio.gather(
            *(storage.write(key, b"", content_type="t") for key in keys[start : start + 50])
        )
    await storage.write("w10/stays", b"", content_type="text/plain")
    await storage.delete_prefix("w1/")
    for key in (keys[0], keys[999], keys[1049]):
        with pytest.raises(ObjectMissing):
            await storage.head(key)
    assert (await storage.head("w10/stays")).size_bytes == 0
