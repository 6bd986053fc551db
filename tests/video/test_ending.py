"""What deleted videos and closed workspaces leave behind, and what is paid too late."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from chassis.database import SystemScope
from contracts.identity import WorkspaceBranded, WorkspaceDeleted
from contracts.video import VideoDeleted, VideoFailed, VideoStarted
from local.vendors.faults import Fault
from services.video import sweeps
from services.video.notes import ErasureDue, SegmentDue
from services.video.rendering import repository
from services.video.tables import Attempt, OfferedImage, Segment, VideoClip, VideoProject
from tests.video.bench import Bench, until
from tests.video.keys import keys
from tests.video.pictures import logo


async def test_a_video_paid_after_it_was_deleted_gives_the_money_back_once(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    await owner.http.delete(f"/v1/videos/{made['id']}")
    for _ in range(2):
        await owner.pay(made)
    [fact] = await video.facts(owner.workspace_id, VideoFailed)
    assert (fact["video_id"], fact["reason"]) == (made["id"], "deleted")
    assert await video.facts(owner.workspace_id, VideoStarted) == []
    assert await video.rows(owner.workspace_id, Attempt) == []


async def test_a_video_deleted_before_it_has_a_film_is_cancelled_and_gives_the_money_back(
    video: Bench,
) -> None:
    owner = video.owner()
    made = await owner.draft()
    video.fal.faults.add(Fault(operation="model", kind="delay", seconds=30, times=2))
    await owner.pay(made)
    await video.work(owner.workspace_id)
    running = {row.fal_request_id for row in await video.rows(owner.workspace_id, Attempt)}
    await owner.http.delete(f"/v1/videos/{made['id']}")
    await video.work(owner.workspace_id)
    cancelled = {entry["request_id"] for entry in video.fal.journal.entries("cancel")}
    assert running <= cancelled
    rows = await video.rows(owner.workspace_id, Attempt)
    assert {row.status for row in rows} == {"discarded"}
    await owner.pay(made)
    [fact] = await video.facts(owner.workspace_id, VideoFailed)
    assert (fact["video_id"], fact["reason"]) == (made["id"], "deleted")


async def test_a_video_deleted_with_a_film_gives_nothing_back(video: Bench) -> None:
    owner = video.owner()
    made, changing = await owner.draft(), await owner.draft()
    for one in (made, changing):
        await owner.pay(one)
        await owner.finish(one)
    [clip, _] = await owner.clips(changing)
    await owner.post(f"/v1/clips/{clip['id']}/remake", {"motion_prompt": "Slowly past Kari"})
    for one in (made, changing):
        assert (await owner.http.delete(f"/v1/videos/{one['id']}")).status_code == 204
    await video.work(owner.workspace_id)
    assert await video.facts(owner.workspace_id, VideoFailed) == []
    for row in await video.rows(owner.workspace_id, VideoProject):
        assert row.former is None, "what its owner wrote goes with it"
    assert {clip.motion_prompt for clip in await video.rows(owner.workspace_id, VideoClip)} == {
        None
    }


async def test_what_is_stored_after_the_deletion_is_erased_too(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    await owner.http.delete(f"/v1/videos/{made['id']}")
    await video.work(owner.workspace_id)
    late = f"workspaces/{owner.workspace_id}/videos/{made['id']}/segments/late.mp4"
    await video.storage.write(late, b"late", content_type="video/mp4")
    await sweeps.erase_again(video.database)
    await video.work(owner.workspace_id)
    assert await keys(video, late) == [late], "somebody may still be at work"
    async with video.database.transaction(SystemScope(owner.workspace_id)) as session:
        query = update(VideoProject).where(VideoProject.id == UUID(made["id"]))
        await session.execute(query.values(deleted_at=datetime.now(UTC) - timedelta(hours=1)))
    for _ in range(2):
        await sweeps.erase_again(video.database)
    assert len(await video.notes(owner.workspace_id)) == 1, "once is enough"
    await video.react(ErasureDue(workspace_id=owner.workspace_id, video_id=UUID(made["id"])))
    assert await keys(video, late) == []


async def test_units_of_a_deleted_video_are_not_noted_for_ever(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    await owner.pay(made)

    async def ordered() -> bool:
        for note in await video.notes(owner.workspace_id):
            if not isinstance(note, SegmentDue):
                await video.react(note)
        return len(await video.rows(owner.workspace_id, Segment)) == 2

    await until(ordered)
    await owner.http.delete(f"/v1/videos/{made['id']}")
    rows = await video.rows(owner.workspace_id, Segment)
    assert {(row.status, row.failure_reason) for row in rows} == {("failed", "not_wanted")}
    async with video.database.across_workspaces() as session:
        later = datetime.now(UTC) + timedelta(hours=1)
        forgotten = await repository.list_forgotten(session, Segment, later)
        assert owner.workspace_id not in {unit.workspace_id for unit in forgotten}


async def test_of_a_deleted_video_no_word_of_its_owner_is_kept(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(description="Kari's home")
    await owner.clip(made, room_label="Kari's room", motion_prompt="Slowly past Kari")
    await owner.http.delete(f"/v1/videos/{made['id']}")
    [row] = await video.rows(owner.workspace_id, VideoProject)
    [clip] = await video.rows(owner.workspace_id, VideoClip)
    kept = (row.name, row.description, clip.room_label, clip.motion_prompt)
    assert kept == ("Deleted video", None, None, None)


async def test_a_closed_workspace_keeps_no_film_photo_or_card(video: Bench) -> None:
    owner, neighbour = video.owner(), video.owner()
    made = await owner.draft(2)
    await owner.pay(made)
    await owner.finish(made)
    await owner.draft(1)
    await neighbour.draft(1)
    await video.storage.write("logo.png", logo(), content_type="image/png")
    branded = WorkspaceBranded(workspace_id=owner.workspace_id, logo_key="logo.png")
    await video.react(branded)
    assert await keys(video, f"workspaces/{owner.workspace_id}/videos/brand/")

    closed = WorkspaceDeleted(workspace_id=owner.workspace_id)
    for _ in range(2):
        await video.react(closed)
        await video.work(owner.workspace_id)
    assert (await owner.get("/v1/videos"))["items"] == []
    assert await keys(video, f"workspaces/{owner.workspace_id}/videos/") == []
    async with video.database.across_workspaces() as session:
        offered = set(await session.scalars(select(OfferedImage.workspace_id)))
    assert owner.workspace_id not in offered
    assert neighbour.workspace_id in offered
    assert len(await video.facts(owner.workspace_id, VideoDeleted)) == 2
    assert len((await neighbour.get("/v1/videos"))["items"]) == 1
