"""Results that are late, lost or told twice, and projects that end while work is open."""

import asyncio
from datetime import UTC, datetime, timedelta

from contracts.imaging import ImageCompleted, ProjectCompleted, ProjectFailed
from local.vendors.faults import Fault
from services.imaging import sweeps
from services.imaging.notes import ResultReady, SubmissionDue
from tests.imaging import pictures
from tests.imaging.bench import Bench, until
from tests.imaging.test_faults import UPDATE_ATTEMPT, age, states, submitted

HOUR_AGO = "now() - interval '1 hour'"


async def test_a_lost_webhook_is_found_by_asking(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="webhook", kind="error", times=None))
    await imaging.work(member.workspace_id)

    async def asked() -> bool:
        await age(imaging, member, UPDATE_ATTEMPT, "UPDATE attempt SET asked_at = NULL")
        await sweeps.ask(imaging.database, imaging.outside.generator, imaging.settings)
        await imaging.work(member.workspace_id)
        return bool((await member.project_now(project))["status"] == "completed")

    await until(asked)
    assert await submitted(imaging, member) == 1


async def test_duplicate_webhooks_and_notes_complete_an_image_once(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="webhook", kind="duplicate"))
    await member.finish(project)
    [attempt] = await imaging.attempts(member.workspace_id)
    [version] = await imaging.versions(member.workspace_id)
    for note in (
        ResultReady(workspace_id=member.workspace_id, attempt_id=attempt.id),
        SubmissionDue(workspace_id=member.workspace_id, version_id=version.id),
    ):
        await imaging.react(note)

    assert len(await imaging.facts(member.workspace_id, ImageCompleted)) == 1
    assert len(await imaging.facts(member.workspace_id, ProjectCompleted)) == 1
    assert await submitted(imaging, member) == 1
    assert (await imaging.versions(member.workspace_id))[0].cost_micro_usd == 150_000


async def test_past_its_deadline_an_image_fails_and_a_late_result_only_costs(
    imaging: Bench,
) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="cancel", kind="corrupt", times=None))
    imaging.fal.faults.add(Fault(operation="model", kind="delay", seconds=1))
    await imaging.work(member.workspace_id)
    late = datetime.now(UTC) - timedelta(seconds=1)
    await age(imaging, member, f"UPDATE image_generation SET deadline_at = '{late.isoformat()}'")

    await sweeps.expire(imaging.database, imaging.outside.generator, imaging.settings)

    assert (await member.project_now(project))["status"] == "failed"
    assert await states(imaging, member) == ["cancelled"]

    async def paid() -> bool:
        return (await imaging.versions(member.workspace_id))[0].cost_micro_usd == 150_000

    await until(paid)
    await imaging.work(member.workspace_id)
    [version] = await imaging.versions(member.workspace_id)
    assert (version.status, version.reason, version.result_key) == (
        "failed",
        "deadline_exceeded",
        None,
    )
    assert await imaging.facts(member.workspace_id, ImageCompleted) == []
    assert len(await imaging.facts(member.workspace_id, ProjectFailed)) == 1


async def test_twenty_images_finishing_together_are_counted_right(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    small = pictures.jpeg(64, 48)
    answers = await asyncio.gather(*(member.upload(project["id"], small) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    await member.pay(project["id"])
    notes = await imaging._take_notes(member.workspace_id)
    imaging.fal.faults.add(Fault(operation="submit", kind="error", status=401, times=3))
    await asyncio.gather(*(imaging.react(note) for note in notes))

    async def answered() -> bool:
        live = await states(imaging, member)
        return sorted(live) == ["answered"] * 5 + ["failed"] * 3

    await until(answered)
    notes = await imaging._take_notes(member.workspace_id)
    await asyncio.gather(*(imaging.react(note) for note in notes))

    ended = await member.project_now(project)
    assert (ended["status"], ended["completed_count"], ended["failed_count"]) == ("failed", 5, 3)
    assert len(await imaging.facts(member.workspace_id, ProjectFailed)) == 1
    positions = [version.position for version in await imaging.versions(member.workspace_id)]
    assert sorted(positions) == list(range(1, 9))


async def test_retrying_runs_failed_images_only_and_keeps_their_history(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project(images=2)
    imaging.fal.faults.add(Fault(operation="model", kind="error", status=422))
    assert (await member.finish(project))["failed_count"] == 1

    again = await member.http.post(f"/v1/projects/{project['id']}/retry")
    assert (again.status_code, again.json()["status"]) == (202, "processing")
    ended = await member.finish(project)

    assert (ended["status"], ended["completed_count"], ended["image_count"]) == ("completed", 2, 2)
    images = (await member.get(f"/v1/projects/{project['id']}/images"))["items"]
    assert sorted(image["version"] for image in images) == [1, 2]
    retried = next(image for image in images if image["version"] == 2)
    detail = await member.get(f"/v1/images/{retried['id']}")
    assert [version["status"] for version in detail["versions"]] == ["completed", "failed"]
    assert detail["parent_id"] == retried["id"]
    assert await submitted(imaging, member) == 3
    nothing = await member.http.post(f"/v1/projects/{project['id']}/retry")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_retry")


async def test_a_project_whose_images_all_failed_is_refunded_not_retried(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="model", kind="error", status=422))
    await member.finish(project)
    answer = await member.http.post(f"/v1/projects/{project['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "retry_ended")


async def test_a_deleted_project_leaves_no_file_and_its_late_result_is_discarded(
    imaging: Bench,
) -> None:
    member = imaging.member()
    project = await member.paid_project()
    imaging.fal.faults.add(Fault(operation="webhook", kind="delay", seconds=1))
    before = len(imaging.fal.journal.entries("fault"))
    await imaging.work(member.workspace_id)

    async def generated() -> bool:
        finished = imaging.fal.journal.entries("fault")
        return any(entry["during"] == "webhook" for entry in finished[before:])

    await until(generated)
    deleted = await member.http.delete(f"/v1/projects/{project['id']}")
    await imaging.work(member.workspace_id)

    async def paid() -> bool:
        return (await imaging.versions(member.workspace_id))[0].cost_micro_usd == 150_000

    assert deleted.status_code == 204
    await until(paid)
    await imaging.work(member.workspace_id)
    assert await imaging.keys(f"workspaces/{member.workspace_id}/") == []
    assert await imaging.facts(member.workspace_id, ImageCompleted) == []
