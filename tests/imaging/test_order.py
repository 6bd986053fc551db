"""What we are told about an attempt may come in any order and more than once."""

from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.database import SystemScope
from contracts.imaging import ImageCompleted, ProjectCompleted
from services.imaging.attempts import use_cases
from services.imaging.images.use_cases import fail_version, lock_version
from services.imaging.notes import ResultReady
from services.imaging.providers.base import Outcome, ProviderBusy
from services.imaging.providers.pictures import Picture
from services.imaging.tables import Attempt
from tests.imaging import pictures
from tests.imaging.bench import Bench, Member

PICTURE = Picture(pictures.jpeg(), 480, 320)


async def claimed(imaging: Bench) -> tuple[Member, Attempt]:
    """An image whose intent to submit is written, and nothing more."""
    member = imaging.member()
    await member.paid_project()
    [version] = await imaging.versions(member.workspace_id)
    async with imaging.database.transaction(SystemScope(member.workspace_id)) as session:
        claim = await use_cases.claim_attempt(
            session, member.workspace_id, version.id, "model", imaging.settings
        )
    assert claim is not None
    return member, (await imaging.attempts(member.workspace_id))[0]


async def tell(imaging: Bench, attempt: Attempt, what: str) -> None:
    """One thing that happens to an attempt, in a transaction of its own."""
    workspace_id, attempt_id, settings = attempt.workspace_id, attempt.id, imaging.settings
    request_id = f"request-{attempt_id}"
    outcome = Outcome(url="https://fal.media/a.jpg")
    busy = ProviderBusy("provider_status_503")
    key = f"workspaces/{workspace_id}/result.jpg"
    async with imaging.database.transaction(SystemScope(workspace_id)) as session:
        if what == "submitted":
            await use_cases.record_submitted(session, workspace_id, attempt_id, request_id)
        elif what == "unknown":
            await use_cases.record_unknown(session, workspace_id, attempt_id)
        elif what == "busy":
            await use_cases.record_busy(session, workspace_id, attempt_id, busy, settings)
        elif what == "outcome":
            await use_cases.record_outcome(session, attempt, request_id, outcome, 150_000)
        elif what == "stored":
            await use_cases.accept_result(session, workspace_id, attempt_id, key, PICTURE)


@pytest.mark.parametrize("record", ["submitted", "unknown", "busy"])
async def test_a_record_and_an_outcome_meet_in_any_order(imaging: Bench, record: str) -> None:
    told = [record, "outcome", "outcome"] if record != "busy" else ["outcome", "outcome"]
    for order in sorted(set(permutations(told))):
        member, attempt = await claimed(imaging)
        for what in order:
            await tell(imaging, attempt, what)
        if record == "busy":
            await tell(imaging, attempt, "busy")
        for what in ("stored", "stored", "outcome", record):
            await tell(imaging, attempt, what)

        [after] = await imaging.attempts(member.workspace_id)
        [version] = await imaging.versions(member.workspace_id)
        assert (after.state, after.request_id) == ("succeeded", f"request-{attempt.id}"), order
        assert (version.status, version.cost_micro_usd) == ("completed", 150_000), order
        assert len(await imaging.facts(member.workspace_id, ImageCompleted)) == 1
        assert len(await imaging.facts(member.workspace_id, ProjectCompleted)) == 1
        notes = await imaging.facts(member.workspace_id, ResultReady)
        assert len(notes) == 1


async def test_a_failed_image_stays_failed_whatever_is_told_after(imaging: Bench) -> None:
    member, attempt = await claimed(imaging)
    await tell(imaging, attempt, "submitted")
    async with imaging.database.transaction(SystemScope(member.workspace_id)) as session:
        version = await lock_version(session, member.workspace_id, attempt.version_id)
        await fail_version(session, version, "deadline_exceeded")
    for what in ("outcome", "stored", "submitted", "outcome", "unknown", "stored"):
        await tell(imaging, attempt, what)
    [after] = await imaging.attempts(member.workspace_id)
    [version] = await imaging.versions(member.workspace_id)
    assert (version.status, version.reason) == ("failed", "deadline_exceeded")
    assert (after.state, version.cost_micro_usd) == ("discarded", 150_000)
    assert await imaging.facts(member.workspace_id, ImageCompleted) == []


async def refuses(imaging: Bench, workspace_id: UUID, statement: str) -> bool:
    try:
        async with imaging.database.transaction(SystemScope(workspace_id)) as session:
            await session.execute(text(statement))
    except Exception as error:
        return "violates" in str(error)
    return False


async def test_the_database_itself_refuses_what_must_never_be(imaging: Bench) -> None:
    member, attempt = await claimed(imaging)
    copied = "workspace_id, version_id, state, model, cost_micro_usd, changed_at, created_at"
    again = f"INSERT INTO attempt (id, number, {copied}) SELECT gen_random_uuid(),"
    where = f"FROM attempt WHERE id = '{attempt.id}'"
    for statement in (
        f"{again} 2, {copied} {where}",
        f"{again} 1, workspace_id, version_id, 'refused', model, 0, now(), now() {where}",
        f"UPDATE attempt SET state = 'submitted' WHERE id = '{attempt.id}'",
        f"UPDATE attempt SET state = 'imagined' WHERE id = '{attempt.id}'",
        f"UPDATE attempt SET version_id = gen_random_uuid() WHERE id = '{attempt.id}'",
        "UPDATE image_generation SET status = 'completed'",
        "UPDATE image_generation SET status = 'failed'",
        "UPDATE image_generation SET prompt = NULL",
        "UPDATE image_generation SET version = 2",
        "UPDATE project SET completed_count = 2",
        "UPDATE project SET status = 'paused'",
    ):
        assert await refuses(imaging, member.workspace_id, statement), statement
