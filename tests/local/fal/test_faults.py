"""What fal's own client sees when its stand-in misbehaves on demand."""

import fal_client
import httpx
import pytest

from local.vendors.control import StandIn
from local.vendors.faults import Fault
from tests.support.fal import PHOTO, Outside, entries, photo_of, until


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        return await http.get(url)


async def test_a_dropped_answer_hides_whether_the_work_was_done(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    for kind, more in (("timeout_before", 0), ("timeout_after", 1)):
        before = len(stand_in.journal.entries("submit"))
        stand_in.faults.add(Fault(operation="submit", kind=kind, seconds=0.05))
        with pytest.raises(httpx.RemoteProtocolError):
            await client.submit(PHOTO, photo_of(world))
        assert len(stand_in.journal.entries("submit")) == before + more


@pytest.mark.parametrize(("kind", "status"), [("error", 503), ("rate_limited", 429)])
async def test_a_refused_submit_does_no_work(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn, kind: str, status: int
) -> None:
    before = len(stand_in.journal.entries("submit"))
    stand_in.faults.add(Fault.model_validate({"operation": "submit", "kind": kind, "status": 503}))
    with pytest.raises(fal_client.FalClientHTTPError) as refusal:
        await client.submit(PHOTO, photo_of(world))
    assert refusal.value.status_code == status
    assert ("retry-after" in refusal.value.response_headers) is (status == 429)
    assert len(stand_in.journal.entries("submit")) == before


async def test_a_refusing_model_answers_422_and_costs_nothing(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="model", kind="error"))
    handle = await client.submit(PHOTO, photo_of(world))
    with pytest.raises(fal_client.FalClientHTTPError) as refusal:
        await handle.get(interval=0.02)
    [detail] = refusal.value.response.json()["detail"]
    assert (refusal.value.status_code, detail["type"]) == (422, "content_policy_violation")
    assert entries(stand_in, "completion", handle.request_id)[0]["cost_usd"] == 0


@pytest.mark.parametrize("no_retry", [False, True])
async def test_a_broken_runner_is_tried_again_unless_told_not_to(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn, no_retry: bool
) -> None:
    stand_in.faults.add(Fault(operation="model", kind="error", status=503))
    headers = {"x-fal-no-retry": "1"} if no_retry else {}
    handle = await client.submit(PHOTO, photo_of(world), headers=headers)
    await until(lambda: entries(stand_in, "completion", handle.request_id))
    [completion] = entries(stand_in, "completion", handle.request_id)
    assert (completion["status"], completion["runs"]) == ((503, 1) if no_retry else (200, 2))


@pytest.mark.parametrize(("status", "start"), [(500, b"<!doctype"), (200, b"\x89PNG")])
async def test_a_corrupt_file_is_a_page_or_half_a_picture_under_the_promised_type(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn, status: int, start: bytes
) -> None:
    handle = await client.submit(PHOTO, photo_of(world))
    [image] = (await handle.get(interval=0.02))["images"]
    stand_in.faults.add(Fault(operation="file", kind="corrupt", status=status))
    answer = await get(image["url"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(start)
    assert len(answer.content) < image["file_size"]
    assert len((await get(image["url"])).content) == image["file_size"]


async def test_a_corrupt_model_answers_without_pictures(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="model", kind="corrupt"))
    handle = await client.submit(PHOTO, photo_of(world))
    assert (await handle.get(interval=0.02))["images"] == []


async def test_a_cancel_that_comes_to_nothing_lets_the_work_finish(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    stand_in.faults.add(Fault(operation="cancel", kind="corrupt"))
    handle = await client.submit(PHOTO, photo_of(world))
    await handle.cancel()
    assert (await handle.get(interval=0.02))["images"]
