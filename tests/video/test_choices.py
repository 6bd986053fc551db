"""A clip that failed is never dropped silently: its owner chooses, or the money goes back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update

from chassis.database import SystemScope
from contracts.video import ClipFailed, ClipsCompiled, VideoFailed
from local.vendors.faults import Fault
from services.video import sweeps
from services.video.notes import SubmissionDue
from services.video.tables import VideoProject
from tests.video.bench import Bench, until


def choosing(now: dict[str, Any]) -> bool:
    return bool(now["progress"]["step"] == "choice")


async def test_a_refused_clip_waits_for_its_owner_and_is_made_again(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    await owner.pay(made)
    now = await owner.until(made, choosing)
    assert now["status"] == "generating"
    [failed] = [clip for clip in await owner.clips(made) if clip["status"] == "failed"]
    assert failed["failure_reason"] == "content_policy_violation"
    [fact] = await video.facts(owner.workspace_id, ClipFailed)
    assert fact["clip_id"] == failed["id"]
    assert await video.facts(owner.workspace_id, ClipsCompiled) == []
    await owner.post(f"/v1/clips/{failed['id']}/retry")
    done = await owner.finish(made)
    assert (done["status"], done["completed_clip_count"]) == ("completed", 2)


async def test_a_failed_clip_may_become_a_slow_move_over_its_photo(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    await owner.pay(made)
    await owner.until(made, choosing)
    [failed] = [clip for clip in await owner.clips(made) if clip["status"] == "failed"]
    chosen = await owner.post(f"/v1/clips/{failed['id']}/ken-burns")
    assert chosen["is_ken_burns"] is True
    done = await owner.finish(made)
    assert (done["status"], done["duration_seconds"]) == ("completed", 10.0)


async def test_a_failed_clip_may_be_left_out_which_is_told(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    await owner.pay(made)
    await owner.until(made, choosing)
    [failed] = [clip for clip in await owner.clips(made) if clip["status"] == "failed"]
    await owner.post(f"/v1/clips/{failed['id']}/leave-out")
    done = await owner.finish(made)
    assert (done["duration_seconds"], done["clip_count"]) == (5.0, 1)
    facts = await video.facts(owner.workspace_id, ClipFailed)
    assert [fact["reason"] for fact in facts] == ["content_policy_violation", "left_out"]
    answer = await owner.http.post(f"/v1/clips/{failed['id']}/retry")
    assert answer.json()["code"] == "no_choice_to_make"


async def test_a_video_without_any_clip_fails_and_says_why(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="model", kind="error", times=2))
    await owner.pay(made)
    done = await owner.finish(made)
    assert (done["status"], done["failure_reason"]) == ("failed", "no_clip_could_be_made")
    assert len(await video.facts(owner.workspace_id, VideoFailed)) == 1


async def test_a_failed_transition_becomes_a_cross_fade_and_says_so(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(generate_native_audio=False)
    await owner.clip(made, seed=1, transition_type="seamless")
    await owner.clip(made, seed=2)
    await owner.pay(made)
    notes = await video.notes(owner.workspace_id)
    transition = next(n for n in notes if isinstance(n, SubmissionDue) and n.part == "transition")
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    await video.react(transition)

    async def fell_back() -> bool:
        return bool((await owner.clips(made))[0]["transition_status"] == "cross_fade")

    await until(fell_back)
    for note in notes:
        await video.react(note)
    done = await owner.finish(made)
    assert (done["status"], done["duration_seconds"]) == ("completed", 9.5)
    first = (await owner.clips(made))[0]
    assert first["transition_failure_reason"] == "content_policy_violation"


async def test_an_owner_who_never_chooses_gets_the_money_back(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    await owner.pay(made)
    await owner.until(made, choosing)
    async with video.database.transaction(SystemScope(owner.workspace_id)) as session:
        long_ago = datetime.now(UTC) - timedelta(days=30)
        query = update(VideoProject).where(VideoProject.id == UUID(made["id"]))
        await session.execute(query.values(waiting_since=long_ago))
    await sweeps.end_waiting(video.database, video.settings)
    [fact] = await video.facts(owner.workspace_id, VideoFailed)
    assert fact["reason"] == "no_choice_made"
