"""Which film is made by whom in which turn, and what the times mean."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figures import Figure, at_least, at_most, median, skipped
from benchmarks.film import likeness, peers
from benchmarks.film.house import Case, House, argv_of
from benchmarks.film.inputs import DISTINCT, Inputs
from benchmarks.film.measure import Neighbours, Taken, run
from benchmarks.film.shelf import Shelf
from services.video.media.program import Program

LONG_SECONDS = 12
"""What takes longer than this is measured once."""
FASTER_THAN_MOVIEPY = {24: 15, 48: 50}


@dataclass(frozen=True)
class Extent:
    """How much is measured: lengths per size, and lengths for the slow peers."""

    sizes: dict[int, tuple[int, ...]]
    moviepy: dict[int, tuple[int, ...]]
    encoders: dict[int, tuple[int, ...]]
    renderer_turns: int
    """0: one film is looked at, and what is measured besides films is left out."""
    turns: int = 3


@dataclass
class Bench:
    """Everything measured so far, by size, length and contender."""

    program: Program
    folder: Path
    taken: dict[tuple[int, int, str], list[Taken]] = field(
        default_factory=lambda: defaultdict(list)
    )
    parts: dict[tuple[int, int, str], list[dict[str, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    ready: tuple[list[Path], Path] = ([], Path())
    """Of the film measured now: its segments and its whole sound."""

    def film(self, who: str) -> Path:
        return self.folder / "films" / f"{who}.mp4"

    def wall(self, height: int, clips: int, who: str) -> float | None:
        took = self.taken.get((height, clips, who))
        return median([one.wall for one in took]) if took else None

    def part(self, height: int, clips: int, who: str, name: str) -> float:
        return median([one[name] for one in self.parts[height, clips, who]])


async def measure_all(program: Program, folder: Path, extent: Extent) -> list[Figure]:
    bench, figures, beside = Bench(program, folder), [], Neighbours()
    try:
        python = peers.prepare_moviepy(folder.parent / "peers")
    except peers.NoPeer as reason:
        python = None
        figures.append(skipped("MoviePy 2", str(reason)))
    for height, lengths in extent.sizes.items():
        for clips in lengths:
            await _prepare(bench, height, clips)
            contenders = _contenders(bench, height, clips, extent, python)
            for turn in range(extent.turns):
                _one_turn(bench, (height, clips), contenders, turn)
            figures += _figures(bench, height, clips)
    figures += _over_lengths(bench, extent)
    if extent.renderer_turns:
        figures += likeness.compare(bench.program, folder, Inputs(folder / "clips" / "720", 720))
        figures += _whole_film(bench)
        figures += _two_renderers(bench, extent.renderer_turns)
    figures += [
        Figure("load average of the machine meanwhile", os.getloadavg()[1], ""),
        Figure("processors others kept busy meanwhile", beside.processors(), ""),
    ]
    return figures


CASES = {
    "ours, last clip conforms": ("conforms", False),
    "ours, last clip encoded": ("foreign", False),
    "ours, cross-fades": ("conforms", True),
}


async def _prepare(bench: Bench, height: int, clips: int) -> None:
    """What happened before the last clip, and what the bare copy needs: files that lie ready."""
    shelf = Shelf(bench.folder / "shelf", bench.folder / "shelf")
    for last, fades in CASES.values():
        house = House(bench.folder, Case(height, clips, fades, last), shelf)
        await house.prepare()
    usual = House(bench.folder, Case(height, clips, False, "usual"), shelf)
    await usual.prepare()
    await usual.finish()
    parts = [shelf.kept / f"{p.fingerprint}.mp4" for p in usual.pieces()]
    sound = bench.folder / "sound.m4a"
    made = shelf.kept / "film_film-16x9.mp4"
    argv = [bench.program.path, "-y", "-v", "error", "-i", str(made), "-map", "0:a", "-c", "copy"]
    run([*argv, str(sound)], bench.folder)
    shutil.copyfile(made, bench.film(f"ours-{height}-{clips}"))
    bench.ready = (parts, sound)
    usual.studio.close()


def _contenders(
    bench: Bench, height: int, clips: int, extent: Extent, python: str | None
) -> dict[str, Callable[[], list[str]]]:
    program, given = bench.program, Inputs(bench.folder / "clips" / str(height), height)
    music, (parts, sound) = bench.folder / "music.m4a", bench.ready
    every: dict[str, Callable[[], list[str]]] = {
        "-c copy": lambda: peers.bare_copy(program, parts, sound, bench.film("copy"))
    }
    for who, (last, fades) in CASES.items():
        every[who] = _ours(bench, Case(height, clips, fades, last))
    if clips in extent.encoders.get(height, ()):
        for preset in ("medium", "veryfast", "veryfast+xfade"):
            every[f"FFmpeg {preset}"] = _encoder(bench, given, clips, preset)
    if python is not None and clips in extent.moviepy.get(height, ()):
        film = bench.film("moviepy")
        every["MoviePy 2"] = lambda: peers.moviepy(python, given, clips, music, film)
    return every


def _ours(bench: Bench, case: Case) -> Callable[[], list[str]]:
    return lambda: argv_of("finish", bench.folder, case)


def _encoder(bench: Bench, given: Inputs, clips: int, preset: str) -> Callable[[], list[str]]:
    film = bench.film(f"{preset}-{given.height}-{clips}")
    music = bench.folder / "music.m4a"
    return lambda: peers.one_graph(bench.program, given, clips, music, film, preset)


def _one_turn(
    bench: Bench,
    film: tuple[int, int],
    contenders: dict[str, Callable[[], list[str]]],
    turn: int,
) -> None:
    for who, argv in contenders.items():
        key = (*film, who)
        if turn and bench.taken[key] and bench.taken[key][0].wall > LONG_SECONDS:
            continue
        shutil.rmtree(bench.folder / "written", ignore_errors=True)
        took = run(argv(), bench.folder)
        if who in CASES:
            told = json.loads(took.said.strip().splitlines()[-1])
            bench.parts[key].append(told)
            took = Taken(told["wall"], told["cpu"], took.peak_mb)
        bench.taken[key].append(took)
        told = f"{film[0]}p, {film[1]} clips, {who}: {took.wall:.2f} s, CPU {took.cpu:.2f} s"
        print(f"{told}, {took.peak_mb:.0f} MB", file=sys.stderr, flush=True)


def _figures(bench: Bench, height: int, clips: int) -> list[Figure]:
    named = f"{height}p, {clips} clips"
    figures = []
    for (size, length, who), took in bench.taken.items():
        if (size, length) == (height, clips):
            often = "once" if len(took) == 1 else f"median of {len(took)}"
            figures += [
                Figure(f"{named}: {who}, wall, {often}", median([one.wall for one in took]), "s"),
                Figure(f"{named}: {who}, CPU, {often}", median([one.cpu for one in took]), "s"),
                _memory(f"{named}: {who}, memory", max(one.peak_mb for one in took), who),
            ]
    return figures + _goals(bench, height, clips, named)


def _memory(name: str, peak_mb: float, who: str) -> Figure:
    return at_most(name, peak_mb, "MB", 400) if who in CASES else Figure(name, peak_mb, "MB")


def _goals(bench: Bench, height: int, clips: int, named: str) -> list[Figure]:
    conforms, encoded, fades = CASES
    copy = bench.wall(height, clips, "-c copy") or 1.0
    ratio = (bench.wall(height, clips, conforms) or 0.0) / copy
    name = f"{named}: conforming last clip against -c copy"
    figures = [at_most(name, ratio, "×", 1.0) if clips == 48 else Figure(name, ratio, "×")]
    segment = bench.part(height, clips, encoded, "segment")
    name = f"{named}: last clip encoded, its segment with the sound around it"
    figures.append(Figure(name, segment, "s"))
    rest = bench.part(height, clips, encoded, "compile")
    figures.append(at_most(f"{named}: last clip encoded, all but its segment", rest, "s", 0.5))
    seam = bench.part(height, clips, fades, "seam")
    figures.append(at_most(f"{named}: the seam of a cross-fade", seam, "s", 0.4))
    moviepy = bench.wall(height, clips, "MoviePy 2")
    if moviepy is not None:
        times = moviepy / (bench.wall(height, clips, encoded) or 1.0)
        name, goal = f"{named}: faster than MoviePy 2, last clip encoded", FASTER_THAN_MOVIEPY
        known = at_least(name, times, "×", goal[clips]) if clips in goal else None
        figures.append(known or Figure(name, times, "×"))
    return figures


def _over_lengths(bench: Bench, extent: Extent) -> list[Figure]:
    """Does the time after the last clip grow with the film?"""
    figures = []
    for height, lengths in extent.sizes.items():
        if len(lengths) < 2:
            continue
        for who in CASES:
            shortest, longest = (
                bench.part(height, clips, who, "compile") for clips in (lengths[0], lengths[-1])
            )
            name = f"{height}p: {who}, {lengths[-1]} clips against {lengths[0]} (joining)"
            figures.append(Figure(name, longest / shortest, "×"))
    return figures


def _whole_film(bench: Bench) -> list[Figure]:
    took = run(argv_of("whole", bench.folder, Case(720, 4, False, "usual")), bench.folder)
    cpu = json.loads(took.said.strip().splitlines()[-1])["cpu"]
    theirs = bench.taken.get((720, 4, "MoviePy 2"))
    if theirs is None:
        return [Figure("720p, 4 clips: CPU of the whole film, ours", cpu, "s")]
    other = median([one.cpu for one in theirs])
    name = "720p, 4 clips: CPU of the whole film, ours against MoviePy 2"
    return [at_most(name, cpu / other, "×", 0.5)]


def _two_renderers(bench: Bench, turns: int) -> list[Figure]:
    """The segments of a 12-clip film, by renderers of one processor each.

    Neighbours slow two renderers more than one, which has the quieter processor to itself. The
    second figure leaves them out: what the busiest renderer needs of its own processor.
    """
    case, beside = Case(720, DISTINCT, False, "usual", threads=1), Neighbours()
    by_clock, by_processor = [], []
    for _ in range(turns):
        one, two = _together(bench, case, 1), _together(bench, case, 2)
        by_clock.append(one.wall / two.wall)
        by_processor.append(one.cpu / two.cpu)
    often = "once" if turns == 1 else f"median of {turns}"
    name = f"two renderers against one, 12 segments of 720p, {often}"
    return [
        at_least(name, median(by_clock), "×", 1.8),
        at_least(f"{name}, by processor time", median(by_processor), "×", 1.8),
        Figure("processors others kept busy beside the renderers", beside.processors(), ""),
    ]


def _together(bench: Bench, case: Case, renderers: int) -> Taken:
    """Until the last one ends, and the CPU seconds of the one that needed most."""
    for number in range(renderers):
        shutil.rmtree(bench.folder / f"written-{number}", ignore_errors=True)
    started, cpu = time.perf_counter(), []
    children = [
        subprocess.Popen(
            argv_of("some", bench.folder, case, number, renderers), stdout=subprocess.DEVNULL
        )
        for number in range(renderers)
    ]
    for child in children:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError("a renderer failed")
        cpu.append(used.ru_utime + used.ru_stime)
    return Taken(time.perf_counter() - started, max(cpu), 0.0)
