"""Renderers come and go with the work: told to stop or killed, they leave nothing behind."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from chassis.database import SystemScope
from contracts.video import ClipsCompiled
from services.video.media.program import Program
from services.video.rendering.use_cases import leases
from services.video.tables import Attempt, Segment, VideoProject
from tests.video.bench import Bench, Owner, storage_settings, until
from tests.video.processes import ROOT, Processes, environment_of, processes, working_in
from tests.video.test_rendering import generated

LARGE = 1080


async def large(video: Bench, owner: Owner) -> dict[str, Any]:
    """A draft whose segments take seconds each."""
    made = await owner.draft(3)
    async with video.database.transaction(SystemScope(owner.workspace_id)) as session:
        query = update(VideoProject).where(VideoProject.id == UUID(made["id"]))
        await session.execute(query.values(render_height=LARGE))
    return made


async def stopped_at_work(
    video: Bench, owner: Owner, made: dict[str, Any], started: Processes
) -> None:
    """A renderer is told to stop while FFmpeg runs for it, and ends well."""
    renderer = started.start("services.video.renderer")
    scratch = Path(started.environment["VIDEO_SCRATCH_DIR"])
    await owner.pay(made)

    async def at_work() -> bool:
        return bool(working_in(scratch))

    await until(at_work)
    renderer.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(renderer.wait, 60) == 0
    assert working_in(scratch) == []
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("seconds", [60, 0], ids=["in time", "out of time"])
async def test_a_renderer_told_to_stop_ends_its_unit_or_hands_it_back(
    video: Bench, tmp_path: Path, seconds: int
) -> None:
    owner = video.owner()
    made = await large(video, owner)
    environment = environment_of(video.settings, storage_settings(video.vendors))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    # Who hands a unit back does not make the next one wait for the end of the lease.
    environment |= {"VIDEO_SCRATCH_DIR": str(scratch), "VIDEO_RENDER_LEASE_SECONDS": "600"}
    async with processes(environment, tmp_path) as started:
        await started.start_worker()
        started.environment["VIDEO_GRACEFUL_STOP_SECONDS"] = str(seconds)
        await stopped_at_work(video, owner, made, started)
        left = await video.rows(owner.workspace_id, Segment)
        done, handed_back = ("completed", 1), ("pending", 0)
        assert {(row.status, row.tries) for row in left} <= {done, handed_back}
        assert any(row.status == "completed" for row in left) == (seconds > 0)
        started.start("services.video.renderer")

        async def ended() -> bool:
            return bool((await owner.now(made))["status"] == "completed")

        await until(ended, 75)
    assert {row.tries for row in await video.rows(owner.workspace_id, Segment)} == {1}
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 1
    assert len(await video.rows(owner.workspace_id, Attempt)) == 3


async def test_a_killed_renderer_takes_ffmpeg_along(program: Program, tmp_path: Path) -> None:
    code = f"""
import asyncio, ffmpeg
from pathlib import Path
from services.video.media.program import Program
endless = ffmpeg.output(ffmpeg.input("testsrc2=s=320x180", f="lavfi", re=None), "-", format="null")
asyncio.run(Program({program.path!r}).run(endless, Path({str(tmp_path)!r})))
"""
    renderer = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)

    async def at_work() -> bool:
        return bool(working_in(tmp_path))

    async def alone() -> bool:
        return not working_in(tmp_path)

    try:
        await until(at_work)
    finally:
        renderer.kill()
        renderer.wait(10)
    await until(alone, 10)


async def test_a_unit_beyond_its_hard_stop_is_tried_again_and_given_up(
    video: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = video.owner()
    _, [note, _] = await generated(video, owner)
    hasty = video.settings.model_copy(update={"render_unit_seconds": 0.001})
    monkeypatch.setitem(video.resources, "config", hasty)
    for _ in range(leases.MAX_TRIES):
        await video.react(note)
    row = next(r for r in await video.rows(owner.workspace_id, Segment) if r.id == note.segment_id)
    assert (row.status, row.failure_reason, row.tries) == ("failed", "RenderTimeout", 3)
