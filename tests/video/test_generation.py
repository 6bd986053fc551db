"""Clips are paid for once, kept once, and never dropped silently, however fal behaves."""

import asyncio
import hashlib
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import update

from chassis.database import SystemScope
from contracts.video import ClipGenerated, ClipsCompiled, VideoFailed, VideoStarted
from local.vendors.faults import Fault
from services.video import sweeps
from services.video.generation import use_cases as generation
from services.video.notes import GenerationAnswered, SubmissionDue
from services.video.providers.base import Answer, ProviderBusy
from services.video.tables import Attempt, VideoClip
from tests.video.bench import Bench, until


def submissions(video: Bench, attempts: list[Attempt]) -> list[dict[str, Any]]:
    """fal's own journal: what it accepted for these attempts."""
    ids = {str(attempt.id) for attempt in attempts}
    entries = video.fal.journal.entries("submit")
    return [e for e in entries if str(e.get("attempt_url", "")).rsplit("/", 1)[-1] in ids]


async def age(video: Bench, workspace_id: UUID, **columns: timedelta) -> None:
    """Let the attempts or clips of a workspace look as old as this."""
    async with video.database.transaction(SystemScope(workspace_id)) as session:
        for name, old in columns.items():
            table: Any = Attempt if name == "changed_at" else VideoClip
            await session.execute(
                update(table)
                .where(table.workspace_id == workspace_id)
                .values({name: datetime.now(UTC) - old})
            )


async def test_too_few_clips_are_refunded(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft(clips=1)
    await owner.pay(made)
    assert (await owner.now(made))["status"] == "failed"
    [fact] = await video.facts(owner.workspace_id, VideoFailed)
    assert fact["reason"] == "too_few_clips"


async def test_being_paid_twice_starts_once(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    await owner.pay(made)
    await owner.pay(made)
    assert len(await video.facts(owner.workspace_id, VideoStarted)) == 1
    assert len(await video.notes(owner.workspace_id)) == 2


async def test_a_submission_note_delivered_three_times_is_paid_once(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    await owner.pay(made)
    notes = await video.notes(owner.workspace_id)
    await asyncio.gather(*(video.react(note) for note in notes * 3))
    attempts = await video.rows(owner.workspace_id, Attempt)
    assert len(attempts) == 2
    assert len(submissions(video, attempts)) == 2


async def test_an_answer_heard_many_times_makes_one_clip(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="webhook", kind="duplicate", times=2))
    await owner.pay(made)
    await owner.finish(made)
    assert len(await video.facts(owner.workspace_id, ClipGenerated)) == 2
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 1


async def test_a_busy_vendor_is_asked_again_without_counting(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="submit", kind="rate_limited", times=1))
    await owner.pay(made)
    first, second = await video.notes(owner.workspace_id)
    with pytest.raises(ProviderBusy):
        await video.react(first)
    [busy] = await video.rows(owner.workspace_id, Attempt)
    assert (busy.status, busy.counts_as_try, busy.cost_cents) == ("failed", False, 0)
    await video.react(first)
    await video.react(second)
    assert (await owner.finish(made))["status"] == "completed"


async def test_a_lost_answer_is_not_paid_twice(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="submit", kind="timeout_after", seconds=0, times=1))
    await owner.pay(made)
    for note in await video.notes(owner.workspace_id):
        await video.react(note)
        await video.react(note)
    done = await owner.finish(made)
    assert done["status"] == "completed"
    attempts = await video.rows(owner.workspace_id, Attempt)
    assert len(attempts) == len(submissions(video, attempts)) == 2
    assert done["actual_cost"] == 70


async def test_a_submission_nobody_heard_of_is_made_again_after_its_time(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="submit", kind="timeout_before", seconds=0, times=1))
    await owner.pay(made)
    await video.work(owner.workspace_id)
    attempts = await video.rows(owner.workspace_id, Attempt)
    assert sorted(a.status for a in attempts if a.status == "unknown") == ["unknown"]
    await sweeps.settle_unknown(video.database, video.settings)
    assert len(await video.rows(owner.workspace_id, Attempt)) == 2
    await age(video, owner.workspace_id, changed_at=timedelta(hours=1))
    await sweeps.settle_unknown(video.database, video.settings)
    assert (await owner.finish(made))["status"] == "completed"


async def test_a_request_whose_webhook_never_came_is_asked_about(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="webhook", kind="error", times=None))
    await owner.pay(made)
    await video.work(owner.workspace_id)

    async def finished() -> bool:
        await age(video, owner.workspace_id, changed_at=timedelta(hours=1))
        await sweeps.ask_about_silent(video.database, video.resources["generator"], video.settings)
        await video.work(owner.workspace_id)
        return bool((await owner.now(made))["status"] == "completed")

    await until(finished)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_broken_file_is_refused_and_generated_again(video: Bench, status: int) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="file", kind="corrupt", status=status, times=1))
    await owner.pay(made)
    done = await owner.finish(made)
    assert done["status"] == "completed"
    attempts = await video.rows(owner.workspace_id, Attempt)
    assert sorted(attempt.status for attempt in attempts) == ["failed", "succeeded", "succeeded"]
    assert done["estimated_cost"] >= done["actual_cost"] == 3 * 35


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:5432/clip.mp4",
        "file:///etc/passwd",
        "https://evil.example/clip.mp4",
        "http://user@fal.media/clip.mp4",
    ],
)
async def test_a_clip_on_a_foreign_host_is_never_fetched(video: Bench, url: str) -> None:
    owner = video.owner()
    made = await owner.draft()
    await owner.pay(made)
    [first, _] = await video.notes(owner.workspace_id)
    assert isinstance(first, SubmissionDue)
    async with video.database.transaction(SystemScope(owner.workspace_id)) as session:
        attempt = await generation.claim_submission(session, first)
        assert attempt is not None
        answer = Answer(str(uuid4()), url)
        await generation.hear_answer(session, owner.workspace_id, attempt.id, answer)
    [note, *_] = await video.notes(owner.workspace_id)
    assert isinstance(note, GenerationAnswered)
    await video.react(note)
    [row] = await video.rows(owner.workspace_id, Attempt)
    assert (row.status, row.failure_reason) == ("failed", "clip_on_foreign_host")
    await owner.http.delete(f"/v1/videos/{made['id']}")


async def test_a_late_answer_changes_nothing_but_the_cost(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    await owner.pay(made)
    for note in await video.notes(owner.workspace_id):
        await video.react(note)
    assert (await owner.http.delete(f"/v1/videos/{made['id']}")).status_code == 204
    attempts = await video.rows(owner.workspace_id, Attempt)
    async with video.database.transaction(SystemScope(owner.workspace_id)) as session:
        for attempt in attempts:
            answer = Answer(attempt.fal_request_id or "", "http://anything/clip.mp4")
            await generation.hear_answer(session, owner.workspace_id, attempt.id, answer)
    await video.work(owner.workspace_id)
    rows = await video.rows(owner.workspace_id, Attempt)
    assert {(row.status, row.cost_cents) for row in rows} == {("discarded", 35)}
    assert await video.facts(owner.workspace_id, ClipGenerated) == []


async def test_what_never_ends_is_cancelled_at_its_deadline(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="model", kind="delay", seconds=30, times=2))
    await owner.pay(made)
    await video.work(owner.workspace_id)
    await age(video, owner.workspace_id, due_at=timedelta(hours=1))
    await sweeps.end_overdue(video.database, video.resources["generator"], video.settings)
    now = await owner.now(made)
    assert (now["status"], now["failure_reason"]) == ("failed", "no_clip_could_be_made")
    reasons = {clip["failure_reason"] for clip in await owner.clips(made)}
    assert reasons == {"deadline"}
    assert len(video.fal.journal.entries("cancel")) >= 2


async def test_forged_webhooks_are_refused(video: Bench) -> None:
    body = json.dumps({"request_id": "r", "status": "OK", "payload": {}}).encode()
    url = f"{video.address}/webhooks/fal/video/{uuid4()}"
    user = video.settings.fal_user_id or ""
    key = Ed25519PrivateKey.generate()

    def signed(at: float, user_id: str = user) -> dict[str, str]:
        parts = ("r", user_id, str(int(at)), hashlib.sha256(body).hexdigest())
        return {
            "x-fal-webhook-request-id": "r",
            "x-fal-webhook-user-id": user_id,
            "x-fal-webhook-timestamp": str(int(at)),
            "x-fal-webhook-signature": key.sign("\n".join(parts).encode()).hex(),
        }

    forgeries: list[dict[str, str]] = [
        {},
        signed(time.time()),
        signed(time.time() - 301),
        signed(time.time() + 301),
        signed(time.time(), "somebody"),
        signed(time.time()) | {"x-fal-webhook-signature": "zz"},
    ]
    async with httpx.AsyncClient() as web:
        for headers in forgeries:
            answer = await web.post(url, content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "webhook_forged")
        huge = await web.post(url, content=b"x" * (1024 * 1024 + 1))
        assert huge.status_code == 413
