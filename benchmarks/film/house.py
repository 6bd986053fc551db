"""Our own way, with the service's own rules and units: what is prepared, and what comes last."""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from benchmarks.film.inputs import DISTINCT, Inputs
from benchmarks.film.shelf import Shelf
from services.video.media.film import FilmOrder, SoundOrder, compile_film, make_sound
from services.video.media.program import find_program
from services.video.media.score import Music
from services.video.media.soundtrack import decode_music
from services.video.media.units import Heard, SegmentOrder, Studio, render_segment
from services.video.rendering import rules
from services.video.tables import Segment, VideoClip

ASPECT = "16:9"
NOBODY = UUID(int=0)
MUSIC = "music.m4a"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Case:
    """A film to finish: how many clips, how they follow, and what the last one is."""

    height: int
    clips: int
    fades: bool
    last: str
    """`conforms`, `foreign` when it must be encoded, or `usual`: one of the twelve."""
    threads: int = 2


class House:
    """A renderer and what lies in its storage for one film."""

    def __init__(self, folder: Path, case: Case, shelf: Shelf) -> None:
        self.case, self.shelf, self.folder = case, shelf, folder
        self.inputs = Inputs(folder / "clips" / str(case.height), case.height)
        scratch = folder / "scratch"
        scratch.mkdir(exist_ok=True)
        self.studio = Studio(find_program("ffmpeg", 300), shelf, scratch, case.threads)
        self.ready: dict[str, Segment] = {}
        self.shots = rules.shots_of([self._clip(n) for n in range(case.clips)])

    def _clip(self, number: int) -> VideoClip:
        is_last = number == self.case.clips - 1
        source = self.inputs.clip(number)
        if is_last and self.case.last == "conforms":
            source = self.inputs.conforming()
        if is_last and self.case.last == "foreign":
            source = self.inputs.foreign()
        name = f"{self.case.height}-{source.name}"
        if not self.shelf.has(name):
            (self.shelf.kept / name).hardlink_to(source)
        return VideoClip(
            id=UUID(int=number + 1),
            sequence_order=number + 1,
            duration_seconds=5,
            status="completed",
            is_ken_burns=False,
            clip_key=name,
            clip_sha256=name,
            transition_status="cross_fade" if self.case.fades else "none",
        )

    def pieces(self) -> list[rules.Piece]:
        return [rules.piece_of(shot, ASPECT, self.case.height) for shot in self.shots]

    async def prepare(self) -> None:
        """All that happens while earlier clips arrive."""
        for shot in self.shots[:-1]:
            await self.render(rules.piece_of(shot, ASPECT, self.case.height))
        for seam in rules.seams_of(self.shots, ASPECT, self.case.height, self.ready):
            await self.render(seam)
        heard = self._heard()
        together = list(zip(heard.regions, heard.possible, strict=True))
        keyed = [(region, self._key(region)) for region, may in together if may]
        wanted = [(region, key) for region, key in keyed if not self.shelf.has(key)]
        async with self.studio.folder() as folder:
            await make_sound(self.studio, wanted, folder)

    async def finish(self) -> dict[str, float]:
        """All that happens from the last clip on; seconds of each part."""
        height, seconds = self.case.height, {}
        last = rules.piece_of(self.shots[-1], ASPECT, height)
        seconds["segment"] = await _timed(self.render(last, again=True))
        started = time.perf_counter()
        for seam in rules.seams_of(self.shots, ASPECT, height, self.ready):
            if seam.fingerprint not in self.ready:
                await self.render(seam, again=True)
        seconds["seam"] = time.perf_counter() - started
        plan = rules.film_plan(self.shots, ASPECT, height, self.ready)
        assert plan is not None
        regions = self._heard().regions
        sound = SoundOrder(regions, [self._key(region) for region in regions])
        order = FilmOrder({ASPECT: plan}, height, sound, "film")
        seconds["compile"] = await _timed(compile_film(self.studio, order))
        return seconds

    async def warm(self) -> None:
        """What a renderer that has made the clips before has learnt: the music and our own form."""
        await self.studio.music(MUSIC, decode_music)
        first = self.inputs.conforming()
        await self.studio.conformity.holds_for(first, self.inputs.frame, 150)

    def _heard(self) -> rules.Listening:
        size = (ASPECT, self.case.height)
        return rules.listen(self.shots, size, self.ready, self._music())

    def _music(self) -> Music:
        curve = json.loads((self.folder / "music.json").read_text())
        return Music(MUSIC, curve, 50)

    def _key(self, region: Any) -> str:
        return rules.key_of(region, NOBODY, NOBODY)

    async def render(self, piece: rules.Piece, *, again: bool = False) -> None:
        """The unit of a piece, unless it was done before."""
        if piece.fingerprint in self.ready:
            return
        note = self.shelf.kept / f"{piece.fingerprint}.json"
        if not note.exists() or again:
            order = SegmentOrder(
                piece.part,
                piece.source_key,
                piece.next_source_key,
                ASPECT,
                piece.height,
                piece.frames,
                f"{piece.fingerprint}.mp4",
                f"{piece.fingerprint}.pcm",
            )
            made = await render_segment(
                self.studio, order, lambda percent: None, self._sound_around(piece, again)
            )
            told = json.dumps([made.key, made.sound_key])
            (self.shelf.written / note.name).write_text(told)
        else:
            told = note.read_text()
        key, sound_key = json.loads(told)
        self.ready[piece.fingerprint] = self._segment(piece, key, sound_key)

    def _segment(self, piece: rules.Piece, key: str | None, sound_key: str | None) -> Segment:
        return Segment(
            fingerprint=piece.fingerprint,
            clip_id=piece.clip_id,
            aspect_ratio=ASPECT,
            frames=piece.frames,
            height=piece.height,
            status="completed",
            key=key,
            sound_key=sound_key,
        )

    def _sound_around(self, piece: rules.Piece, is_last: bool) -> Heard:
        """As the service does: what is heard around a shot is made while its pictures are."""

        async def prepare(sound_key: str | None) -> None:
            if is_last:
                shot = self._segment(piece, None, sound_key)
                ready = self.ready | {piece.fingerprint: shot}
                size = (ASPECT, self.case.height)
                around = rules.heard_around(shot, self.shots, size, ready, self._music())
                async with self.studio.folder() as folder:
                    wanted = [(region, self._key(region)) for region in around]
                    await make_sound(self.studio, wanted, folder)

        return prepare


async def _timed(work: Awaitable[Answer]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def cpu_seconds() -> float:
    every = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in every)


async def finish_one(folder: Path, case: Case) -> dict[str, float]:
    """In a renderer that runs already: only what comes after the last clip is measured."""
    house = House(folder, case, Shelf(folder / "shelf", folder / "written"))
    await house.prepare()
    await house.warm()
    cpu, started = cpu_seconds(), time.perf_counter()
    seconds = await house.finish()
    wall = time.perf_counter() - started
    house.studio.close()
    return {"wall": wall, "cpu": cpu_seconds() - cpu, **seconds}


async def make_whole(folder: Path, case: Case) -> dict[str, float]:
    """A film from its first clip on, nothing prepared: what all of it costs."""
    fresh = folder / "whole"
    fresh.mkdir()
    house = House(folder, case, Shelf(folder / "inputs", fresh))
    cpu = cpu_seconds()
    await house.prepare()
    await house.finish()
    house.studio.close()
    return {"cpu": cpu_seconds() - cpu}


async def render_some(folder: Path, case: Case, first: int, step: int) -> dict[str, float]:
    """Every `step`-th segment of a film of distinct clips, as one of `step` renderers would.

    On one processor, as in a container of one: FFmpeg reads, scales and encodes in threads of
    their own, and a renderer that may use both processors leaves a second one nothing to add.
    """
    mine = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {mine[first % len(mine)]})
    house = House(folder, case, Shelf(folder / "shelf", folder / f"written-{first}"))
    for shot in house.shots[first:DISTINCT:step]:
        await house.render(rules.piece_of(shot, ASPECT, case.height), again=True)
    return {}


def argv_of(work: str, folder: Path, case: Case, *more: int) -> list[str]:
    told = json.dumps(asdict(case))
    return [sys.executable, "-m", "benchmarks.film.house", work, str(folder), told, *map(str, more)]


def main(work: str, folder: str, told: str, *more: str) -> None:
    case = Case(**json.loads(told))
    place = Path(folder)
    works = {
        "finish": lambda: finish_one(place, case),
        "whole": lambda: make_whole(place, case),
        "some": lambda: render_some(place, case, *(int(number) for number in more)),
    }
    print(json.dumps(asyncio.run(works[work]())))


if __name__ == "__main__":
    main(*sys.argv[1:])
