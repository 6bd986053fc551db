"""What deleted videos and closed workspaces leave behind, and what is paid too late."""

from sqlalchemy import select

from contracts.identity import WorkspaceBranded, WorkspaceDeleted
from contracts.video import VideoDeleted, VideoFailed, VideoStarted
from local.vendors.faults import Fault
from services.video.tables import Attempt, OfferedImage, VideoClip, VideoProject
from tests.video.bench import Bench
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


async def test_a_video_deleted_while_it_is_made_is_cancelled_and_gives_nothing_back(
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
    assert await video.facts(owner.workspace_id, VideoFailed) == []
    await owner.pay(made)
    assert await video.facts(owner.workspace_id, VideoFailed) == []


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
