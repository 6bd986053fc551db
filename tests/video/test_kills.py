"""Renderers are killed at random while films are made: none is lost, and no clip is paid twice.

`VIDEO_KILLS` and `VIDEO_FILMS` say how much of it: every run of the tests does a few; 100 kills
during 20 films take about a minute on two idle processors, and many on busy ones.
"""

import asyncio
import os
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from contracts.video import ClipsCompiled
from services.video.tables import Attempt, Compilation, Segment, VideoProject
from tests.video.bench import Bench, Owner, storage_settings, until
from tests.video.processes import Processes, environment_of, processes, working_in

KILLS = int(os.environ.get("VIDEO_KILLS", "4"))
FILMS = int(os.environ.get("VIDEO_FILMS", "2"))
CLIPS = 2
RENDERERS = 3
LEASE_SECONDS = 2
LONGEST_LULL = 8
UNITS: tuple[type[Any], ...] = (Segment, Compilation)


@dataclass
class Killer:
    """Pays one film after the other, and kills renderers while there is something to render."""

    owner: Owner
    started: Processes
    films: list[dict[str, Any]]
    chance: random.Random
    hits: int = 0

    async def run(self) -> None:
        alive = [self.started.start("services.video.renderer") for _ in range(RENDERERS)]
        for number in range(KILLS):
            if self._is_turn(number):
                await self.owner.pay(self.films[number * FILMS // KILLS])
            await self._until_rendering()
            await asyncio.sleep(self.chance.uniform(0.0, 0.4))
            # The oldest: the others may not even have begun.
            await asyncio.to_thread(self.started.kill, alive.pop(0))
            alive.append(self.started.start("services.video.renderer"))

    def _is_turn(self, number: int) -> bool:
        return number == 0 or (number - 1) * FILMS // KILLS < number * FILMS // KILLS

    async def _until_rendering(self) -> None:
        with suppress(TimeoutError):
            await until(self._is_rendering, LONGEST_LULL)
            self.hits += 1

    async def _is_rendering(self) -> bool:
        bench, workspace_id = self.owner.bench, self.owner.workspace_id
        units = [row for table in UNITS for row in await bench.rows(workspace_id, table)]
        return any(unit.status == "rendering" for unit in units)


async def films(owner: Owner, number: int) -> list[dict[str, Any]]:
    return [
        await owner.draft(CLIPS, music_track_id="open-door" if film % 2 else None)
        for film in range(number)
    ]


@pytest.mark.timeout(90 + 20 * KILLS)
async def test_killed_renderers_lose_no_film_and_pay_no_clip_twice(
    video: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = video.owner()
    made = await films(owner, FILMS)
    environment = environment_of(video.settings, storage_settings(video.vendors))
    environment["VIDEO_RENDER_LEASE_SECONDS"] = str(LEASE_SECONDS)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment["VIDEO_SCRATCH_DIR"] = str(scratch)
    async with processes(environment, tmp_path) as started:
        await started.start_worker()
        killer = Killer(owner, started, made, random.Random(4))
        await killer.run()

        async def ended() -> bool:
            rows = await video.rows(owner.workspace_id, VideoProject)
            return all(row.status == "completed" for row in rows)

        await until(ended, 60 + 3 * KILLS)

    assert working_in(scratch) == [], "nobody works without a lease"
    assert list(scratch.iterdir()) == [], "what killed renderers left is gone"
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == FILMS
    attempts = await video.rows(owner.workspace_id, Attempt)
    paid = Counter(submitted_for(video, {attempt.id for attempt in attempts}))
    assert len(paid) == FILMS * CLIPS
    assert set(paid.values()) == {1}, "fal was asked twice for one clip"
    for table in UNITS:
        rows = await video.rows(owner.workspace_id, table)
        assert {row.status for row in rows} == {"completed"}
    segments = await video.rows(owner.workspace_id, Segment)
    capsys.readouterr()
    with capsys.disabled():
        tries = sum(segment.tries for segment in segments)
        told = f"{KILLS} kills, {killer.hits} of them at work, {FILMS} films"
        print(f"\n{told}, {len(segments)} segments in {tries} tries")  # noqa: T201


def submitted_for(video: Bench, attempts: set[UUID]) -> list[UUID]:
    """The clips of fal's own journal, one for each submission it accepted."""
    asked = (str(entry) for entry in video.fal.journal.entries("submit"))
    return [attempt for line in asked for attempt in attempts if str(attempt) in line]
