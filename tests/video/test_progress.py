"""A live view starts from a read and goes on with facts: how far a film is never goes back."""

from itertools import pairwise
from typing import Any

from contracts.video import VideoProgressed
from tests.video.bench import Bench, until


async def test_progress_goes_from_the_first_clip_to_the_film_without_a_step_back(
    video: Bench,
) -> None:
    owner = video.owner()
    made = await owner.draft(3, aspect_ratios=["16:9", "1:1"], music_track_id="open-door")
    await owner.pay(made)
    seen: list[dict[str, Any]] = []

    async def ended() -> bool:
        for note in await video.notes(owner.workspace_id):
            await video.react(note)
            seen.append((await owner.now(made))["progress"])
        return bool((await owner.now(made))["status"] == "completed")

    await until(ended)
    seen.append((await owner.now(made))["progress"])
    percents = [one["progress"] for one in seen]
    assert percents == sorted(percents)
    assert seen[-1] == {"step": "completed", "label": "The film is ready", "progress": 100}

    told = await video.facts(owner.workspace_id, VideoProgressed)
    assert [one["step"] for one in (told[0], *told[-2:])] == [
        "generating",
        "compiling",
        "completed",
    ]
    assert all(a["progress"] < b["progress"] for a, b in pairwise(told)), "each step is told once"
    assert {one["video_id"] for one in told} == {made["id"]}
    assert {"Generating clips (0 of 3)", "The film is ready"} <= {one["label"] for one in told}


async def test_a_draft_tells_no_progress(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft(2)
    assert (await owner.now(made))["progress"]["step"] == "draft"
    assert await video.facts(owner.workspace_id, VideoProgressed) == []
