"""fal misbehaves in every way it can; each image still ends once, and is submitted once."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from chassis.database import SystemScope
from contracts.imaging import ImageCompleted, ImageFailed, ProjectFailed
from local.vendors.faults import Fault
from services.imaging import sweeps
from services.imaging.notes import SubmissionDue
from tests.imaging.bench import Bench, Member, until

HOUR_AGO = "now() - interval '1 hour'"
UPDATE_ATTEMPT = (
    f"UPDATE attempt SET changed_at = {HOUR_AGO}, created_at = {HOUR_AGO} WHERE workspace_id = :w"
)


async def age(imaging: Bench, member: Member, *statements: str) -> None:
    """Make rows of the workspace older, instead of waiting."""
    async with imaging.database.transaction(SystemScope(member.workspace_id)) as session:
        for statement in statements or (UPDATE_ATTEMPT,):
            await session.execute(text(statement), {"w": member.workspace_id})


async def submitted(imaging: Bench, member: Member) -> int:
    """How many requests fal itself says it accepted for the workspace."""
    attempts = await imaging.attempts(member.workspace_id)
    return sum(len(imaging.submissions(str(attempt.id))) for attempt in attempts)


async def states(imaging: Bench, member: Member) -> list[str]:
    return [attempt.state for attempt in await imaging.attempts(member.workspace_id)]


async def finish_by_sweeping(imaging: Bench, member: Member, project: Any) -> dict[str, Any]:
    async def ended() -> bool:
        await sweeps.note_again(imaging.database, imaging.settings)
        await imaging.work(member.workspace_id)
        return (await member.project_now(project))["status"] in ("completed", "failed")

    await until(ended)
    return await member.project_now(project)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_refused_submission_is_tried_again_with_back_off(
    imaging: Bench, status: int
) -> None:
    member = imaging.member()
    project = await member.paid_project()
    kind = "rate_limited" if status == 429 else "error"
    imaging.fal.faults.add(Fault(operation="submit", kind=kind, status=status, times=2, seconds=1))

    ended = await finish_by_sweeping(imaging, member, project)

    assert ended["status"] == "completed"
    assert await states(imaging, member) == ["refused", "refused", "succeeded"]
    assert await submitted(imaging, member) == 1


async def test_five_refusals_fail_the_image_and_the_project(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="submit", kind="error", status=503, times=None))

    ended = await finish_by_sweeping(imaging, member, project)

    assert (ended["status"], ended["failed_count"]) == ("failed", 1)
    assert await states(imaging, member) == ["refused"] * 5
    [fact] = await imaging.facts(member.workspace_id, ImageFailed)
    assert fact["reason"] == "provider_unavailable"
    [failed] = await imaging.facts(member.workspace_id, ProjectFailed)
    assert (failed["completed_count"], failed["failed_count"]) == (0, 1)


async def test_timeout_after_accept_makes_exactly_one_submission(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="submit", kind="timeout_after", seconds=0.1))

    ended = await member.finish(project)

    assert ended["status"] == "completed"
    assert await states(imaging, member) == ["succeeded"]
    assert await submitted(imaging, member) == 1


async def test_an_unknown_submission_is_never_repeated_within_the_grace_time(
    imaging: Bench,
) -> None:
    member = imaging.member()
    await member.paid_project()
    imaging.fal.faults.add(Fault(operation="submit", kind="timeout_before", seconds=0.1))
    await imaging.work(member.workspace_id)
    assert await states(imaging, member) == ["unknown"]

    [version] = await imaging.versions(member.workspace_id)
    note = SubmissionDue(workspace_id=member.workspace_id, version_id=version.id)
    await imaging.react(note)
    await sweeps.resolve_silence(imaging.database, imaging.settings)
    await sweeps.note_again(imaging.database, imaging.settings)
    await imaging.work(member.workspace_id)

    assert await states(imaging, member) == ["unknown"]
    assert await submitted(imaging, member) == 0


async def test_an_unknown_submission_is_repeated_once_after_the_grace_time(
    imaging: Bench,
) -> None:
    member = imaging.member()
    await member.paid_project()
    imaging.fal.faults.add(Fault(operation="submit", kind="timeout_before", seconds=0.1, times=2))
    for _ in range(3):
        await imaging.work(member.workspace_id)
        await age(imaging, member)
        await sweeps.resolve_silence(imaging.database, imaging.settings)
    await imaging.work(member.workspace_id)

    assert await states(imaging, member) == ["abandoned", "unknown"]


async def test_the_first_of_two_ambiguous_results_wins_and_both_cost(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="webhook", kind="delay", seconds=0.7, times=1))
    imaging.fal.faults.add(Fault(operation="webhook", kind="delay", seconds=2, times=1))
    imaging.fal.faults.add(Fault(operation="submit", kind="timeout_after", seconds=0.05))
    await imaging.work(member.workspace_id)
    await age(imaging, member)
    await sweeps.resolve_silence(imaging.database, imaging.settings)
    await imaging.work(member.workspace_id)
    assert await states(imaging, member) == ["abandoned", "submitted"]

    ended = await member.finish(project)

    async def both() -> bool:
        return (await imaging.versions(member.workspace_id))[0].cost_micro_usd == 300_000

    await until(both)
    assert ended["status"] == "completed"
    assert await states(imaging, member) == ["succeeded", "cancelled"]
    assert len(await imaging.facts(member.workspace_id, ImageCompleted)) == 1
    assert await submitted(imaging, member) == 2


async def test_a_crash_between_intent_and_record_is_an_unknown_outcome(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    [version] = await imaging.versions(member.workspace_id)
    imaging.fal.faults.add(Fault(operation="submit", kind="timeout_after", seconds=3))
    imaging.fal.faults.add(Fault(operation="webhook", kind="delay", seconds=2))
    note = SubmissionDue(workspace_id=member.workspace_id, version_id=version.id)
    killed = asyncio.create_task(imaging.react(note))

    async def accepted() -> bool:
        return await submitted(imaging, member) == 1

    await until(accepted)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    await imaging.work(member.workspace_id)
    assert await states(imaging, member) == ["submitting"]
    await age(imaging, member)
    await sweeps.resolve_silence(imaging.database, imaging.settings)
    assert await states(imaging, member) == ["unknown"]

    ended = await member.finish(project)
    assert ended["status"] == "completed"
    assert await submitted(imaging, member) == 1


async def test_a_result_may_come_before_the_submission_is_recorded(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    # fal works at once but answers late: the webhook is faster.
    imaging.fal.faults.add(Fault(operation="submit", kind="timeout_after", seconds=3))
    [version] = await imaging.versions(member.workspace_id)
    note = SubmissionDue(workspace_id=member.workspace_id, version_id=version.id)
    submitting = asyncio.create_task(imaging.react(note))

    async def completed() -> bool:
        await imaging.work(member.workspace_id)
        return bool((await member.project_now(project))["status"] == "completed")

    await until(completed)
    await submitting

    assert await states(imaging, member) == ["succeeded"]
    assert (await member.project_now(project))["status"] == "completed"
    assert await submitted(imaging, member) == 1


async def test_refused_content_fails_the_image_for_good(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="model", kind="error", status=422))

    ended = await member.finish(project)

    assert ended["status"] == "failed"
    [fact] = await imaging.facts(member.workspace_id, ImageFailed)
    assert fact["reason"] == "content_refused"
    [image] = (await member.get(f"/v1/projects/{project['id']}/images"))["items"]
    assert image["error"]["code"] == "content_refused"
    assert await submitted(imaging, member) == 1


async def test_an_empty_list_of_pictures_fails_the_image(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="model", kind="corrupt"))
    assert (await member.finish(project))["status"] == "failed"
    [fact] = await imaging.facts(member.workspace_id, ImageFailed)
    assert fact["reason"] == "result_incomplete"


@pytest.mark.parametrize(("status", "times"), [(200, 1), (500, 1)])
async def test_a_damaged_download_is_fetched_again(imaging: Bench, status: int, times: int) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="file", kind="corrupt", status=status, times=times))
    assert (await member.finish(project))["status"] == "completed"


@pytest.mark.parametrize("status", [200, 500])
async def test_a_result_that_is_no_picture_is_never_stored(imaging: Bench, status: int) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="file", kind="corrupt", status=status, times=None))
    assert (await member.finish(project))["status"] == "failed"
    [fact] = await imaging.facts(member.workspace_id, ImageFailed)
    assert fact["reason"] == "result_corrupt"
    keys = await imaging.keys(f"workspaces/{member.workspace_id}/")
    assert [key for key in keys if "/result/" in key] == []
