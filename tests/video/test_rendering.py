"""Units of rendering happen once, survive a dead renderer, and end when they cannot succeed."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import update

from chassis.database import SystemScope
from contracts.video import ClipFailed, ClipsCompiled
from services.video import sweeps
from services.video.notes import CompilationDue, SegmentDue
from services.video.rendering import repository
from services.video.tables import Compilation, Segment, VideoClip
from services.video.videos.use_cases import note_segment
from tests.video.bench import Bench, Owner, until
from tests.video.keys import keys

Notes = list[Any]


async def generated(
    video: Bench, owner: Owner, clips: int = 2, **fields: Any
) -> tuple[dict[str, Any], Notes]:
    """A video whose clips are all there, and the notes of its segments, nothing rendered yet."""
    made = await owner.video(**{"generate_native_audio": False, **fields})
    for number in range(clips):
        await owner.clip(made, seed=number)
    await owner.pay(made)
    segments: Notes = []

    async def arrived() -> bool:
        for note in await video.notes(owner.workspace_id):
            if isinstance(note, SegmentDue):
                segments.append(note)
            else:
                await video.react(note)
        return len(segments) == clips * len(made["aspect_ratios"])

    await until(arrived)
    return made, segments


async def let_lease_end(video: Bench, workspace_id: UUID, table: Any = Segment) -> None:
    async with video.database.transaction(SystemScope(workspace_id)) as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        query = update(table).where(table.workspace_id == workspace_id)
        await session.execute(query.values(leased_until=past))


async def test_a_segment_is_ordered_the_moment_its_clip_is_there(video: Bench) -> None:
    owner = video.owner()
    made, notes = await generated(video, owner, aspect_ratios=["16:9", "1:1"])
    assert len({note.segment_id for note in notes}) == 4
    now = await owner.now(made)
    assert (now["status"], now["completed_clip_count"]) == ("generating", 2)
    assert 0 < now["progress"]["progress"] < 100


async def test_a_duplicate_segment_note_renders_once(video: Bench) -> None:
    owner = video.owner()
    _, notes = await generated(video, owner)
    await asyncio.gather(*(video.react(note) for note in [notes[0]] * 3))
    await video.react(notes[0])
    rows = await video.rows(owner.workspace_id, Segment)
    assert [(row.status, row.tries) for row in rows] == [("completed", 1), ("pending", 0)]


async def test_a_dead_renderers_unit_runs_elsewhere(video: Bench) -> None:
    owner = video.owner()
    made, notes = await generated(video, owner)
    for note in notes:
        async with video.database.transaction(note) as session:
            claimed = await repository.lease(
                session, Segment, owner.workspace_id, note.segment_id, 20
            )
        assert claimed is not None
        await video.react(note)
    assert {row.status for row in await video.rows(owner.workspace_id, Segment)} == {"rendering"}
    await let_lease_end(video, owner.workspace_id)
    await sweeps.renote_forgotten(video.database, video.settings)
    done = await owner.finish(made)
    assert done["status"] == "completed"
    assert {row.tries for row in await video.rows(owner.workspace_id, Segment)} == {2}


async def test_a_renderer_that_lost_its_lease_changes_nothing(video: Bench) -> None:
    owner = video.owner()
    _, [note, _] = await generated(video, owner)
    async with video.database.transaction(note) as session:
        old = await repository.lease(session, Segment, owner.workspace_id, note.segment_id, 0)
        assert old is not None
    await let_lease_end(video, owner.workspace_id)
    await video.react(note)
    async with video.database.transaction(note) as session:
        assert not await repository.renew(session, old, 20, 50)


async def test_a_film_compiled_twice_is_published_once(video: Bench) -> None:
    owner = video.owner()
    made, segments = await generated(video, owner)
    for note in segments:
        await video.react(note)
    [due] = await video.notes(owner.workspace_id)
    assert isinstance(due, CompilationDue)
    assert (await owner.now(made))["status"] == "compiling"
    await asyncio.gather(*(video.react(due) for _ in range(3)))
    assert (await owner.now(made))["status"] == "completed"
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 1


async def test_a_clip_that_cannot_be_rendered_waits_for_its_owner(video: Bench) -> None:
    owner = video.owner()
    made, _ = await generated(video, owner)
    clip = (await video.rows(owner.workspace_id, VideoClip))[0]
    playlist = b"#EXTM3U\n#EXTINF:5,\nclip.mp4\n"
    await video.storage.write(clip.clip_key, playlist, content_type="video/mp4")
    async with video.database.transaction(SystemScope(owner.workspace_id)) as session:
        for segment in await repository.list_segments(
            session, owner.workspace_id, UUID(made["id"])
        ):
            await note_segment(session, segment)
    now = await owner.until(made, lambda now: bool(now["progress"]["step"] == "choice"), 8)
    assert now["status"] == "generating"
    [fact] = await video.facts(owner.workspace_id, ClipFailed)
    assert (fact["clip_id"], fact["reason"]) == (str(clip.id), "not_renderable")
    await owner.post(f"/v1/clips/{clip.id}/retry")
    assert (await owner.finish(made))["status"] == "completed"


async def test_other_music_only_joins_the_film_again(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(generate_native_audio=False, music_track_id="first-light")
    for number in range(2):
        await owner.clip(made, seed=number)
    await owner.pay(made)
    before = await owner.finish(made)
    path = f"/v1/videos/{made['id']}"
    answer = await owner.http.patch(path, json={"music_track_id": "fjord-view"})
    assert answer.json()["status"] == "compiling"
    after = await owner.finish(made)
    assert after["actual_cost"] == before["actual_cost"]
    assert len(await video.rows(owner.workspace_id, Segment)) == 2
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 2
    assert "Fjord View" in (await owner.get(f"{path}/download"))["attribution"]
    back = await owner.http.patch(path, json={"music_track_id": "first-light"})
    assert back.json()["status"] == "completed"
    assert len(await video.rows(owner.workspace_id, Compilation)) == 2
    answer = await owner.http.patch(path, json={"generate_native_audio": True})
    assert answer.json()["code"] == "video_not_editable"


async def test_another_order_of_cuts_only_joins_the_film_again(video: Bench) -> None:
    owner = video.owner()
    made, segments = await generated(video, owner)
    for note in segments:
        await video.react(note)
    await owner.finish(made)
    ids = [clip["id"] for clip in await owner.clips(made)]
    path = f"/v1/videos/{made['id']}/order"
    answer = await owner.http.put(path, json={"clip_ids": ids[::-1]})
    assert answer.status_code == 200
    assert (await owner.finish(made))["status"] == "completed"
    assert len(await video.rows(owner.workspace_id, Segment)) == 2
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 2


async def test_a_unit_leaves_no_folder_behind(video: Bench, tmp_path: Path) -> None:
    owner = video.owner()
    made, _ = await generated(video, owner)
    studio = video.resources["studio"]
    studio.scratch_dir = tmp_path
    async with video.database.transaction(SystemScope(owner.workspace_id)) as session:
        for segment in await repository.list_segments(
            session, owner.workspace_id, UUID(made["id"])
        ):
            await note_segment(session, segment)
    await owner.finish(made)
    assert list(tmp_path.iterdir()) == []
    left = [tmp_path / f"video-unit-{number}-x" for number in (4194303, os.getpid())]
    working = tmp_path / f"video-unit-{os.getppid()}-x"
    for folder in (*left, working):
        folder.mkdir()
    studio.clean()
    assert list(tmp_path.iterdir()) == [working]
    studio.scratch_dir = None


async def test_sound_is_prepared_while_clips_arrive(video: Bench) -> None:
    owner = video.owner()
    made, segments = await generated(video, owner, 3, music_track_id="open-door")
    prefix = f"workspaces/{owner.workspace_id}/videos/{made['id']}/sound/"
    assert await keys(video, prefix) == []
    prepared = []
    for note in segments:
        await video.react(note)
        prepared.append(len(await keys(video, prefix)))
    assert sorted(prepared) == prepared
    assert prepared[-2:] == [2, 4], "the last clip brings the two regions it is heard in"
    before = await keys(video, prefix)
    assert (await owner.finish(made))["status"] == "completed"
    assert await keys(video, prefix) == before, "joining the film has no sound to make"


async def test_joining_makes_the_sound_nobody_prepared(video: Bench) -> None:
    owner = video.owner()
    made, segments = await generated(video, owner, music_track_id="open-door")
    for note in segments:
        await video.react(note)
    prefix = f"workspaces/{owner.workspace_id}/videos/{made['id']}/sound/"
    before = await keys(video, prefix)
    await video.storage.delete_prefix(prefix)
    assert (await owner.finish(made))["status"] == "completed"
    assert await keys(video, prefix) == before


async def test_deleting_a_film_erases_its_files(video: Bench) -> None:
    owner = video.owner()
    made, segments = await generated(video, owner)
    for note in segments:
        await video.react(note)
    await owner.finish(made)
    prefix = f"workspaces/{owner.workspace_id}/videos/{made['id']}/"
    assert await keys(video, prefix)
    await owner.http.delete(f"/v1/videos/{made['id']}")
    await video.work(owner.workspace_id)
    assert await keys(video, prefix) == []
