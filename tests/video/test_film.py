"""From a draft to a finished film: real fal client, real storage protocol, real FFmpeg."""

from pathlib import Path

import httpx

from contracts.video import ClipGenerated, ClipsCompiled, VideoStarted
from services.video.media.checks import measure
from services.video.media.mp4 import is_faststart, read_track
from services.video.media.segments import FPS
from services.video.tables import Attempt, Segment
from tests.video.bench import Bench


async def test_a_paid_video_becomes_a_film_in_every_size(video: Bench, tmp_path: Path) -> None:
    owner = video.owner()
    drafted = await owner.video(
        aspect_ratios=["16:9", "9:16"], music_track_id="open-door", generate_native_audio=True
    )
    await owner.clip(drafted, seed=1, transition_type="seamless")
    await owner.clip(drafted, seed=2)
    estimate = (await owner.now(drafted))["estimated_cost"]
    assert estimate == 2 * 5 * 14 + 5 * 7

    await owner.pay(drafted)
    done = await owner.finish(drafted)

    assert done["status"] == "completed", done
    assert done["progress"]["progress"] == 100
    assert done["actual_cost"] == estimate
    assert done["duration_seconds"] == 15.0
    film = await owner.get(f"/v1/videos/{drafted['id']}/download")
    assert "CC0" in film["attribution"]
    sizes = {file["aspect_ratio"]: (file["width"], file["height"]) for file in film["files"]}
    assert sizes == {"16:9": (320, 180), "9:16": (180, 320)}
    async with httpx.AsyncClient() as web:
        for file in film["files"]:
            path = tmp_path / "film.mp4"
            path.write_bytes((await web.get(file["url"])).content)
            assert measure(path) == (file["size_bytes"], file["sha256"])
            assert len(read_track(path, "vide").sizes) == 15 * FPS
            assert is_faststart(path)
        for picture in ("poster_url", "thumbnail_url"):
            assert (await web.get(film[picture])).content.startswith(b"\xff\xd8")
    assert len(await video.facts(owner.workspace_id, VideoStarted)) == 1
    assert len(await video.facts(owner.workspace_id, ClipGenerated)) == 2
    [compiled] = await video.facts(owner.workspace_id, ClipsCompiled)
    assert {one["sha256"] for one in compiled["outputs"]} == {f["sha256"] for f in film["files"]}
    attempts = await video.rows(owner.workspace_id, Attempt)
    assert [attempt.status for attempt in attempts] == ["succeeded"] * 3
    assert len(await video.rows(owner.workspace_id, Segment)) == 6
