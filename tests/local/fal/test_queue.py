"""fal's own client against its stand-in: the queue."""

import cv2
import fal_client
import httpx
import numpy as np
import pytest

from local.vendors.control import StandIn
from local.vendors.faults import Fault
from tests.support.fal import FILM, INPAINT, KEY, PHOTO, Outside, entries, photo_of, room

AUTHORIZED = {"Authorization": f"Key {KEY}"}


async def get(url: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        return await http.get(url, headers=headers)


async def test_an_edited_photo_comes_back_as_a_public_file(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    handle = await client.submit(PHOTO, photo_of(world) | {"output_format": "jpeg"})
    result = await handle.get(interval=0.02)
    [image] = result["images"]
    answer = await get(image["url"])
    assert answer.headers["content-type"] == image["content_type"] == "image/jpeg"
    assert int(answer.headers["content-length"]) == image["file_size"] == len(answer.content)
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[:2] == (image["height"], image["width"]) == (683, 1024)
    [submit] = entries(stand_in, "submit", handle.request_id)
    [completion] = entries(stand_in, "completion", handle.request_id)
    assert submit["cost_usd"] == completion["cost_usd"] == 0.15


async def test_an_inpainted_picture_is_paid_by_the_megapixel(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    mask = np.zeros((320, 480), np.uint8)
    mask[100:150, 100:150] = 255
    arguments = {
        "prompt": "remove the lamp",
        "image_url": world.put("a.png", room()),
        "mask_url": world.put("m.png", mask),
    }
    handle = await client.submit(INPAINT, arguments)
    [image] = (await handle.get(interval=0.02))["images"]
    assert (image["width"], image["height"]) == (480, 320)
    [completion] = entries(stand_in, "completion", handle.request_id)
    assert completion["cost_usd"] == pytest.approx(0.03 * 480 * 320 / 1e6)


async def test_a_clip_comes_back_and_costs_twice_with_sound(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    start = world.put("room.png", room())
    silent = {"prompt": "pan left", "start_image_url": start, "generate_audio": False}
    handles = [await client.submit(FILM, silent | {"generate_audio": on}) for on in (False, True)]
    videos = [(await handle.get(interval=0.05))["video"] for handle in handles]
    answer = await get(videos[0]["url"])
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content[4:8] == b"ftyp"
    costs = [entries(stand_in, "completion", h.request_id)[0]["cost_usd"] for h in handles]
    assert costs == [pytest.approx(0.35), pytest.approx(0.70)]


async def test_status_goes_from_queued_to_completed(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="model", kind="delay", seconds=0.3, times=2))
    handles = [await client.submit(PHOTO, photo_of(world)) for _ in range(3)]
    assert handles[2].status_url.startswith(f"{stand_in.address}/fal-ai/nano-banana-pro/requests/")
    seen = [type(event) async for event in handles[2].iter_events(with_logs=True, interval=0.02)]
    assert seen[0] is fal_client.Queued
    assert fal_client.InProgress in seen
    assert seen[-1] is fal_client.Completed


async def test_wrong_input_is_told_as_the_result_in_fals_words(
    client: fal_client.AsyncClient, stand_in: StandIn
) -> None:
    handle = await client.submit(FILM, {"start_image_url": "x", "duration": "7"})
    with pytest.raises(fal_client.FalClientHTTPError) as refusal:
        await handle.get(interval=0.02)
    detail = refusal.value.response.json()["detail"]
    assert refusal.value.status_code == 422
    assert {tuple(error["loc"]) for error in detail} == {("body", "prompt"), ("body", "duration")}
    assert all({"loc", "msg", "type"} <= set(error) for error in detail)
    assert entries(stand_in, "completion", handle.request_id)[0]["cost_usd"] == 0


@pytest.mark.parametrize(
    ("content", "kind"), [(None, "file_download_error"), (b"<html>", "image_load_error")]
)
async def test_an_input_that_is_no_picture_is_refused(
    client: fal_client.AsyncClient, world: Outside, content: bytes | None, kind: str
) -> None:
    if content is not None:
        world.files["broken.png"] = content
    name = "broken.png" if content else "missing.png"
    arguments = {"prompt": "x", "image_urls": [f"{world.address}/in/{name}"]}
    handle = await client.submit(PHOTO, arguments)
    with pytest.raises(fal_client.FalClientHTTPError) as refusal:
        await handle.get(interval=0.02)
    [detail] = refusal.value.response.json()["detail"]
    assert (detail["type"], detail["loc"]) == (kind, ["body", "image_urls", 0])


async def test_a_running_request_can_be_cancelled_once(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="model", kind="delay", seconds=30))
    handle = await client.submit(PHOTO, photo_of(world))
    await handle.cancel()
    status = await handle.status()
    assert isinstance(status, fal_client.Completed)
    assert status.error_type == "client_cancelled"
    with pytest.raises(fal_client.FalClientHTTPError) as refusal:
        await handle.cancel()
    assert refusal.value.status_code == 400
    assert refusal.value.response.json() == {"status": "ALREADY_COMPLETED"}
    assert not entries(stand_in, "completion", handle.request_id)
    assert len(entries(stand_in, "cancel", handle.request_id)) == 1


async def test_a_cancel_during_the_work_frees_the_worker(
    client: fal_client.AsyncClient, world: Outside
) -> None:
    big = {"prompt": "x", "start_image_url": world.put("b.png", room()), "duration": "10"}
    first = await client.submit(FILM, big)
    async for event in first.iter_events(interval=0.01):
        if isinstance(event, fal_client.InProgress):
            break
    await first.cancel()
    result = await (await client.submit(PHOTO, photo_of(world))).get(interval=0.02)
    assert len(result["images"]) == 1


async def test_strangers_and_unknown_things_are_refused(stand_in: StandIn) -> None:
    one = f"{stand_in.address}/fal-ai/nano-banana-pro/requests/nobody"
    assert (await get(one)).status_code == 401
    assert (await get(one, Authorization="Key wrong")).status_code == 401
    assert (await get(one, **AUTHORIZED)).status_code == 404
    assert (await get(f"{one}/status", **AUTHORIZED)).status_code == 404
    async with httpx.AsyncClient(trust_env=False) as http:
        unknown = f"{stand_in.address}/fal-ai/no-such-model"
        assert (await http.post(unknown, headers=AUTHORIZED, json={})).status_code == 404
    assert (await get(f"{stand_in.address}/files/{'0' * 32}/x.png")).status_code == 404


async def test_the_lifecycle_and_the_attempt_are_journaled_but_no_signature(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    headers = {"X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds": 3600}'}
    hook = f"{world.address}/hook?attempt=a1"
    handle = await client.submit(PHOTO, photo_of(world), webhook_url=hook, headers=headers)
    await handle.get(interval=0.02)
    [submit] = entries(stand_in, "submit", handle.request_id)
    assert submit["attempt_url"] == "/hook?attempt=a1"
    assert submit["lifecycle"] == headers["X-Fal-Object-Lifecycle-Preference"]
    assert "X-Amz-Signature" not in (stand_in.state / "journal.jsonl").read_text()


async def test_a_fresh_signature_does_not_change_the_digest_of_the_input(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    url = world.put("room.png", room())
    inputs = [{"prompt": "x", "image_urls": [f"{url}{end}"]} for end in ("1", "2")]
    ids = [(await client.submit(PHOTO, arguments)).request_id for arguments in inputs]
    digests = {entries(stand_in, "submit", one)[0]["input_sha256"] for one in ids}
    assert len(digests) == 1
