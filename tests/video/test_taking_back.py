"""A change of a finished film that fails harms nothing: the film is as it was, and usable."""

from typing import Any

import pytest

from contracts.video import ClipsCompiled, VideoFailed, VideoProgressed
from local.vendors.faults import Fault
from services.video.tables import Segment
from tests.video.bench import Bench, Owner
from tests.video.test_changes import change, choosing, film_of, finished, hashes

FREE_FIELDS = ("music_track_id", "music_volume", "aspect_ratios", "brandings")
OF_CLIPS = ("id", "image_id", "motion_prompt", "duration_seconds", "status", "transition_status")


async def everything(owner: Owner, made: dict[str, Any]) -> Any:
    """What its owner sees of a video, its clips and its film."""
    now = await owner.now(made)
    clips = [{name: clip[name] for name in OF_CLIPS} for clip in await owner.clips(made)]
    film = await film_of(owner, made)
    return {name: now[name] for name in FREE_FIELDS}, clips, hashes(film), film["is_current"]


async def refused(video: Bench, owner: Owner, made: dict[str, Any], clip: Any) -> None:
    """The owner changes a clip to what the model refuses."""
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    answer = await change(owner, clip, motion_prompt="Something the model refuses")
    assert answer.status_code == 200, answer.text
    await owner.until(made, choosing)


async def test_a_refused_change_may_be_taken_back(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(generate_native_audio=False)
    for number in range(3):
        await owner.clip(made, seed=number, transition_type="seamless")
    await owner.pay(made)
    await owner.finish(made)
    before = await everything(owner, made)
    [first, second, _] = await owner.clips(made)
    await refused(video, owner, made, first)
    other = str(await owner.image(seed=7))
    assert (await change(owner, second, image_id=other)).status_code == 200
    path = f"/v1/videos/{made['id']}"
    early = await owner.http.post(f"{path}/undo")
    assert early.json()["code"] == "video_not_editable", "the model is at work for it"

    def all_made(now: dict[str, Any]) -> bool:
        return bool(now["completed_clip_count"] == 2)

    await owner.until(made, all_made)
    await video.work(owner.workspace_id)
    undone = await owner.post(f"{path}/undo")
    assert (undone["status"], undone["failure_reason"]) == ("completed", None)
    assert await everything(owner, made) == before
    again = await owner.http.post(f"{path}/undo")
    assert again.json()["code"] == "nothing_to_undo"
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 1
    # And the video is as usable as before.
    assert (await change(owner, first, motion_prompt="Slowly")).status_code == 200
    assert (await owner.finish(made))["status"] == "completed"
    assert hashes(await film_of(owner, made)) != before[2]


async def test_a_change_of_which_nothing_could_be_made_is_taken_back_and_told(
    video: Bench,
) -> None:
    owner = video.owner()
    made = await finished(owner, 2)
    before = await everything(owner, made)
    video.fal.faults.add(Fault(operation="model", kind="error", times=2))
    for clip in await owner.clips(made):
        await change(owner, clip, motion_prompt="Something the model refuses")
    now = await owner.finish(made)
    assert (now["status"], now["failure_reason"]) == ("completed", "no_clip_could_be_made")
    label = "Its change could not be made: the film is as it was"
    assert now["progress"] == {"step": "completed", "label": label, "progress": 100}
    told = await video.facts(owner.workspace_id, VideoProgressed)
    assert told[-1]["label"] == label
    assert await everything(owner, made) == before
    assert await video.facts(owner.workspace_id, VideoFailed) == []
    [first, _] = await owner.clips(made)
    await change(owner, first, motion_prompt="Slowly")
    done = await owner.finish(made)
    assert (done["status"], done["failure_reason"]) == ("completed", None)


@pytest.mark.parametrize("kind", ["music", "order"])
async def test_a_film_that_cannot_be_joined_again_stays_as_it_was(video: Bench, kind: str) -> None:
    owner = video.owner()
    made = await finished(owner, 2, music_track_id="open-door")
    before = await everything(owner, made)
    path = f"/v1/videos/{made['id']}"
    ids = [clip["id"] for clip in await owner.clips(made)]

    async def join_again() -> None:
        if kind == "music":
            await owner.http.patch(path, json={"music_track_id": "first-light"})
        else:
            await owner.http.put(f"{path}/order", json={"clip_ids": ids[::-1]})

    for segment in await rendered_keys(video, owner):
        await video.storage.copy(segment, f"{segment}.kept")
        await video.storage.write(segment, b"no film", content_type="video/mp4")
    await join_again()
    now = await owner.finish(made)
    assert (now["status"], now["failure_reason"]) == ("completed", "compilation_failed")
    assert await everything(owner, made) == before
    for segment in await rendered_keys(video, owner):
        await video.storage.copy(f"{segment}.kept", segment)
    await join_again()
    done = await owner.finish(made)
    assert (done["status"], done["failure_reason"]) == ("completed", None), "asked for again"
    assert hashes(await film_of(owner, made)) != before[2]


async def rendered_keys(video: Bench, owner: Owner) -> list[str]:
    return [segment.key for segment in await video.rows(owner.workspace_id, Segment)]


async def test_a_failed_clip_is_made_from_other_words(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft(3)
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    await owner.pay(made)
    await owner.until(made, choosing)
    clips = await owner.clips(made)
    [failed] = [clip for clip in clips if clip["status"] == "failed"]
    for clip in clips:
        if clip["id"] != failed["id"]:
            answer = await change(owner, clip, motion_prompt="Slowly")
            assert answer.json()["code"] == "video_not_editable", "there is no film yet"
    answer = await owner.http.post(f"/v1/videos/{made['id']}/undo")
    assert answer.json()["code"] == "nothing_to_undo"
    assert (await change(owner, failed, motion_prompt="Slowly")).json()["motion_prompt"] == "Slowly"
    done = await owner.finish(made)
    assert (done["status"], done["completed_clip_count"]) == ("completed", 3)
