"""What fal says is not believed, and what it points at is not fetched, unless it is as promised."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.resolver import ThreadedResolver
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from contracts.video import ClipFailed
from local.vendors.faults import Fault
from services.video.errors import KeysUnavailable
from services.video.providers.base import Answer, ProviderBusy, ProviderRefused
from services.video.providers.fal import read_answer
from services.video.providers.fetch import ClipFetcher
from services.video.providers.signature import WebhookVerifier
from services.video.settings import Settings
from services.video.tables import Attempt
from tests.local.serving import free_socket, served
from tests.video.bench import Bench
from tests.video.test_generation import submissions

MOST = 200_000
OK = {"request_id": "r", "status": "OK"}


async def _clip(call: Request) -> Response:
    async def too_much() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(MOST // 2)

    promised = {"content-length": "5000"}
    answers = {
        "whole": Response(b"clip", media_type="video/mp4"),
        "redirect": RedirectResponse("http://169.254.169.254/latest/meta-data"),
        "elsewhere": RedirectResponse("/whole", 301),
        "gone": Response(status_code=410),
        "expired": Response(status_code=404),
        "forbidden": Response(status_code=403),
        "busy": Response(status_code=503),
        "large": Response(bytes(MOST + 1)),
        "endless": StreamingResponse(too_much()),
        "cut": StreamingResponse(iter([b"half"]), headers=promised),
    }
    return answers[call.path_params["kind"]]


@pytest.fixture
async def cdn() -> AsyncIterator[str]:
    bound, address = free_socket()
    async with served(Starlette(routes=[Route("/{kind}", _clip)]), bound):
        yield address


def fetcher(*hosts: str) -> ClipFetcher:
    return ClipFetcher(Settings.model_construct(fal_media_hosts=hosts, max_clip_bytes=MOST))


async def test_a_clip_is_fetched_from_a_known_host(cdn: str, tmp_path: Path) -> None:
    await fetcher(cdn.removeprefix("http://")).fetch(f"{cdn}/whole", tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"clip"


@pytest.mark.parametrize(
    ("kind", "refusal", "code"),
    [
        ("redirect", ProviderRefused, "clip_gone"),
        ("elsewhere", ProviderRefused, "clip_gone"),
        ("gone", ProviderRefused, "clip_gone"),
        ("expired", ProviderRefused, "clip_gone"),
        ("forbidden", ProviderRefused, "clip_gone"),
        ("large", ProviderRefused, "clip_too_large"),
        ("endless", ProviderRefused, "clip_too_large"),
        ("busy", ProviderBusy, "clip_not_fetched"),
        ("cut", ProviderBusy, "clip_not_fetched"),
    ],
)
async def test_what_is_no_whole_clip_of_ours_is_refused_in_words(
    cdn: str, tmp_path: Path, kind: str, refusal: type[Exception], code: str
) -> None:
    with pytest.raises(refusal, match=code):
        await fetcher(cdn.removeprefix("http://")).fetch(f"{cdn}/{kind}", tmp_path / "clip.mp4")
    kept = tmp_path / "clip.mp4"
    assert not kept.exists() or kept.stat().st_size <= MOST


@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "100.64.0.1"])
async def test_a_known_name_that_leads_inside_is_not_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: str
) -> None:
    async def resolve(self: Any, host: str, port: int = 0, family: Any = 0) -> Any:
        return [{"hostname": host, "host": private, "port": port, "family": 2, "proto": 0}]

    connected: list[Any] = []
    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    monkeypatch.setattr(
        aiohttp.TCPConnector, "_wrap_create_connection", lambda *a, **k: connected.append(a)
    )
    with pytest.raises(ProviderBusy, match="clip_not_fetched"):
        await fetcher("fal.media").fetch("https://fal.media/clip.mp4", tmp_path / "clip.mp4")
    assert connected == []


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (OK | {"payload": {"video": {"url": "https://fal.media/c"}}}, "https://fal.media/c"),
        (OK | {"payload": {"video": {}}}, "no_clip_in_answer"),
        (OK | {"payload": {"video": ["https://fal.media/c"]}}, "no_clip_in_answer"),
        (OK | {"payload": None}, "no_clip_in_answer"),
        ({"request_id": "r", "status": "ERROR", "payload": None}, "generation_failed"),
        ({"request_id": "r", "status": "ERROR", "payload": {"detail": "?"}}, "generation_failed"),
        ({"payload": {"detail": [{"type": "content_policy_violation"}]}}, "content_policy"),
    ],
)
def test_answers_are_read_whatever_their_shape(body: dict[str, Any], answer: str) -> None:
    read = read_answer(body)
    assert isinstance(read, Answer)
    assert (read.result_url or read.reason or "").startswith(answer)


def test_a_result_that_fits_no_webhook_is_asked_for_and_not_paid_for_again() -> None:
    assert read_answer(OK | {"payload": None, "payload_error": "too large"}) is None


async def test_nobody_is_believed_while_the_vendors_keys_cannot_be_read() -> None:
    bound, address = free_socket()
    bound.close()
    headers = {
        "x-fal-webhook-request-id": "r",
        "x-fal-webhook-user-id": "u",
        "x-fal-webhook-timestamp": str(int(time.time())),
        "x-fal-webhook-signature": "00",
    }
    with pytest.raises(KeysUnavailable):
        await WebhookVerifier(f"{address}/keys").verify(headers, b"{}")
    assert KeysUnavailable.status == 503


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_vendor_in_trouble_is_asked_again_and_the_owner_hears_nothing(
    video: Bench, status: int
) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="submit", kind="error", status=status, times=2))
    await owner.pay(made)
    notes = await video.notes(owner.workspace_id)
    for note in notes:
        with pytest.raises(ProviderBusy):
            await video.react(note)
    for note in notes:
        await video.react(note)
    done = await owner.finish(made)
    assert (done["status"], done["actual_cost"]) == ("completed", 70)
    assert await video.facts(owner.workspace_id, ClipFailed) == []
    accepted = submissions(video, await video.rows(owner.workspace_id, Attempt))
    assert len(accepted) == 2


async def test_what_fal_refuses_to_take_is_not_offered_again(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="submit", kind="error", status=422, times=1))
    await owner.pay(made)
    now = await owner.until(made, lambda now: bool(now["progress"]["step"] == "choice"))
    assert now["status"] == "generating"
    [fact] = await video.facts(owner.workspace_id, ClipFailed)
    tried = [str(row.clip_id) for row in await video.rows(owner.workspace_id, Attempt)]
    assert tried.count(fact["clip_id"]) == 1
