"""Worker and renderers as processes of their own, on a real broker; one renderer is killed."""

from pathlib import Path

from contracts.video import ClipsCompiled
from services.video.tables import Attempt, Segment
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
