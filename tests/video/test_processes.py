"""Worker and renderers as processes of their own, on a real broker; one renderer is killed.

`VIDEO_TWENTY_HEIGHT=1080` makes the film of twenty clips as large as in production; give it a
broker with `consumer_timeout = 60000` (AISTUDIO_RABBITMQ_URL) to see that no note is held so long.
"""

import os
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

from chassis.database import SystemScope
from contracts.video import ClipsCompiled
from services.video.tables import Attempt, Compilation, Segment, VideoProject
from tests.video.bench import Bench, storage_settings, until
from tests.video.processes import environment_of, processes


async def test_a_killed_renderers_film_is_finished_by_another(video: Bench, tmp_path: Path) -> None:
    owner = video.owner()
    made = await owner.draft(3, aspect_ratios=["16:9", "1:1"])
    environment = environment_of(video.settings, storage_settings(video.vendors))
    environment["VIDEO_RENDER_LEASE_SECONDS"] = "2"
    async with processes(environment, tmp_path) as started:
        await started.start_worker()
        first = started.start("services.video.renderer")
        await owner.pay(made)

        async def is_rendering() -> bool:
            rows = await video.rows(owner.workspace_id, Segment)
            return any(row.status == "rendering" for row in rows)

        await until(is_rendering)
        started.kill(first)
        started.start("services.video.renderer")

        async def ended() -> bool:
            return bool((await owner.now(made))["status"] == "completed")

        await until(ended, 75)
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 1
    assert len(await video.rows(owner.workspace_id, Attempt)) == 3
    assert len(await video.rows(owner.workspace_id, Segment)) == 6


HEIGHT = int(os.environ.get("VIDEO_TWENTY_HEIGHT", "180"))
LONGEST = 100 + HEIGHT / 3


@pytest.mark.timeout(LONGEST + 120)
async def test_a_film_of_twenty_clips_is_finished_once_though_a_renderer_dies(
    video: Bench, tmp_path: Path
) -> None:
    owner = video.owner()
    made = await owner.draft(20, music_track_id="open-door")
    async with video.database.transaction(SystemScope(owner.workspace_id)) as session:
        query = update(VideoProject).where(VideoProject.id == UUID(made["id"]))
        await session.execute(query.values(render_height=HEIGHT))
    environment = environment_of(video.settings, storage_settings(video.vendors))
    environment["VIDEO_RENDER_LEASE_SECONDS"] = "5"
    async with processes(environment, tmp_path) as started:
        await started.start_worker()
        first = started.start("services.video.renderer")
        await owner.pay(made)

        async def is_rendering() -> bool:
            rows = await video.rows(owner.workspace_id, Segment)
            return any(row.status == "rendering" for row in rows)

        async def ended() -> bool:
            return bool((await owner.now(made))["status"] == "completed")

        await until(is_rendering)
        started.kill(first)
        started.start("services.video.renderer")
        await until(ended, LONGEST)
    assert (await owner.now(made))["duration_seconds"] == 100
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 1
    assert len(await video.rows(owner.workspace_id, Attempt)) == 20
    for table, number in ((Segment, 20), (Compilation, 1)):
        rows = await video.rows(owner.workspace_id, table)
        assert [row.status for row in rows] == ["completed"] * number
