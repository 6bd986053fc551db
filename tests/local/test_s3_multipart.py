"""Large files in the storage stand-in: parts, their order and etags, and bounded memory."""

import asyncio
import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import obstore

from local.vendors.server import RunningVendors
from tests.local.storage_clients import ACCESS, SECRET, body, client, obstore_store, refused

PART = 5 * 1024**2


async def begin(s3: Any, key: str, sizes: list[int]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Open an upload and send parts of these sizes: (what names the upload, the parts)."""
    opened = await s3.create_multipart_upload(Bucket="media", Key=key, ContentType="video/mp4")
    upload = {"Bucket": "media", "Key": key, "UploadId": opened["UploadId"]}
    parts = []
    for number, size in enumerate(sizes, 1):
        data = bytes([64 + number]) * size
        sent = await s3.upload_part(**upload, PartNumber=number, Body=data)
        parts.append({"ETag": sent["ETag"], "PartNumber": number})
    return upload, parts


async def test_parts_become_one_object_once(s3: Any) -> None:
    upload, parts = await begin(s3, "big", [PART, PART, 3])
    listed = await s3.list_parts(**upload, MaxParts=2)
    assert [part["Size"] for part in listed["Parts"]] == [PART, PART]
    assert listed["IsTruncated"] is True
    rest = await s3.list_parts(**upload, PartNumberMarker=2)
    assert [(part["PartNumber"], part["ETag"]) for part in rest["Parts"]] == [(3, parts[2]["ETag"])]
    assert (await refused(s3.head_object(Bucket="media", Key="big")))[0] == 404
    done = await s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    digests = b"".join(bytes.fromhex(part["ETag"].strip('"')) for part in parts)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    again = await s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert again["ETag"] == done["ETag"]
    head = await s3.head_object(Bucket="media", Key="big")
    assert (head["ContentType"], head["ContentLength"]) == ("video/mp4", 2 * PART + 3)
    edge = await body(s3, "big", Range=f"bytes={PART - 1}-{PART}")
    assert edge == b"AB"
    uploads = await s3.list_multipart_uploads(Bucket="media")
    assert upload["UploadId"] not in [found["UploadId"] for found in uploads.get("Uploads", [])]


async def test_completion_names_the_right_parts_in_order(s3: Any) -> None:
    upload, parts = await begin(s3, "wrong", [PART, 10, 10])

    async def complete(*listed: dict[str, Any]) -> tuple[int, str]:
        wanted = {"Parts": list(listed)}
        return await refused(s3.complete_multipart_upload(**upload, MultipartUpload=wanted))

    assert await complete(parts[1], parts[0]) == (400, "InvalidPartOrder")
    assert await complete({**parts[0], "ETag": '"' + "0" * 32 + '"'}) == (400, "InvalidPart")
    assert await complete({"ETag": parts[0]["ETag"], "PartNumber": 9}) == (400, "InvalidPart")
    assert await complete(*parts) == (400, "EntityTooSmall")
    assert await complete() == (400, "MalformedXML")
    assert (await refused(s3.head_object(Bucket="media", Key="wrong")))[0] == 404
    other = {**upload, "Key": "another"}
    assert await refused(s3.list_parts(**other)) == (404, "NoSuchUpload")


async def test_aborted_upload_is_gone(s3: Any, storage: RunningVendors) -> None:
    upload, parts = await begin(s3, "aborted", [10])
    open_uploads = await s3.list_multipart_uploads(Bucket="media", Prefix="aborted")
    assert [found["UploadId"] for found in open_uploads["Uploads"]] == [upload["UploadId"]]
    await s3.abort_multipart_upload(**upload)
    late = s3.upload_part(**upload, PartNumber=2, Body=b"late")
    assert await refused(late) == (404, "NoSuchUpload")
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert await refused(done) == (404, "NoSuchUpload")
    escape = {**upload, "UploadId": "../../objects"}
    assert await refused(s3.abort_multipart_upload(**escape)) == (404, "NoSuchUpload")
    folder = storage.stand_ins["s3"].state / "buckets/media/uploads"
    assert not (folder / upload["UploadId"]).exists()


async def test_obstore_uploads_in_parts(storage: RunningVendors) -> None:
    store = obstore_store(storage.addresses["s3"])
    film = os.urandom(12 * 1024**2)
    await obstore.put_async(store, "film", film, use_multipart=True, chunk_size=PART)
    assert str((await obstore.head_async(store, "film"))["e_tag"]).endswith('-3"')
    assert bytes(await (await obstore.get_async(store, "film")).bytes_async()) == film


async def started(state: Path) -> tuple[asyncio.subprocess.Process, str]:
    """The storage stand-in in a process of its own: (process, address)."""
    code = (
        "import asyncio\n"
        "from local.vendors.server import VendorsSettings, start_vendors\n"
        "async def main():\n"
        "    running = await start_vendors(VendorsSettings(names=['s3']))\n"
        "    print(running.addresses['s3'], flush=True)\n"
        "    await running.failed()\n"
        "asyncio.run(main())\n"
    )
    environment = {
        **os.environ,
        "VENDORS_STATE": str(state),
        "VENDORS_S3_ACCESS_KEY": ACCESS,
        "VENDORS_S3_SECRET_KEY": SECRET,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return process, (await process.stdout.readline()).decode().strip()


async def test_memory_stays_small_and_a_kill_keeps_what_was_stored(tmp_path: Path) -> None:
    process, address = await started(tmp_path)
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.truncate(200 * 1024**2)
    async with client(address) as s3:
        with film.open("rb") as file:
            await s3.put_object(Bucket="media", Key="film", Body=file)
        answer = await s3.get_object(Bucket="media", Key="film")
        size = 0
        async for piece in answer["Body"].iter_chunks(1024**2):
            size += len(piece)
        await s3.put_object(Bucket="media", Key="small", Body=b"1")
    status = Path(f"/proc/{process.pid}/status").read_text()
    peak_kib = int(status.partition("VmHWM:")[2].split()[0])
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert size == film.stat().st_size
    assert peak_kib < 150 * 1024
    process, address = await started(tmp_path)
    async with client(address) as s3:
        listed = await s3.list_objects_v2(Bucket="media")
        sizes = [(entry["Key"], entry["Size"]) for entry in listed["Contents"]]
        assert await body(s3, "small") == b"1"
    process.kill()
    await process.wait()
    assert sizes == [("film", size), ("small", 1)]


async def test_kill_in_the_middle_of_writing_loses_nothing_acknowledged(tmp_path: Path) -> None:
    process, address = await started(tmp_path)
    acknowledged: dict[str, bytes] = {}

    async def overwrite(s3: Any, worker: int) -> None:
        for turn in range(10_000):
            key, data = f"k/{worker}/{turn % 7}", os.urandom(20_000) + b"%d" % turn
            await s3.put_object(Bucket="media", Key=key, Body=data)
            acknowledged[key] = hashlib.sha256(data).digest()
            if len(acknowledged) == 28 and turn > 20:
                process.kill()

    async with client(address) as s3:
        writing = [overwrite(s3, worker) for worker in range(4)]
        outcomes = await asyncio.gather(*writing, return_exceptions=True)
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    await process.wait()
    process, address = await started(tmp_path)
    async with client(address) as s3:
        listed = await s3.list_objects_v2(Bucket="media")
        found = {entry["Key"]: await body(s3, entry["Key"]) for entry in listed["Contents"]}
        etags = {entry["Key"]: entry["ETag"].strip('"') for entry in listed["Contents"]}
    process.kill()
    await process.wait()
    assert etags == {key: hashlib.md5(data).hexdigest() for key, data in found.items()}
    changed = [k for k, kept in acknowledged.items() if hashlib.sha256(found[k]).digest() != kept]
    # Each worker may have had one write under way whose answer was lost.
    assert len(changed) <= 4
    assert not list((tmp_path / "s3/buckets/media/temporary").iterdir())
