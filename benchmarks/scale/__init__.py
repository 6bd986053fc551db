"""Renderers under load: measured unit times, then a simulation from 10 to 10,000 films an hour."""

import asyncio
import shutil
import time
from pathlib import Path

from benchmarks.figures import OUT, Figure, at_most, median
from benchmarks.film import draw_music
from benchmarks.film.house import Case, House, cpu_seconds
from benchmarks.film.inputs import draw
from benchmarks.film.shelf import Shelf
from benchmarks.scale.simulation import (
    BUSY_FILMS_PER_HOUR,
    CLIPS_PER_FILM,
    LONGEST_P95_SECONDS,
    Scaler,
    Units,
    bound,
    recommend,
    simulate,
)
from services.video.media.program import find_program

HEIGHT = 1080
PARALLEL = 1.8
"""What a renderer's two processors do of one: x264 in two threads."""
TRANSFER_SECONDS = 0.5
RATES = (10, 100, 1_000, 10_000)


async def run() -> list[Figure]:
    """Unit times are CPU seconds over what two processors do, so that neighbours do not count."""
    units = await measure(OUT / "film")
    scaler = await asyncio.to_thread(recommend, units)
    figures = [
        Figure("unit: a segment of 1080p with its sound", units.segment, "s"),
        Figure(f"unit: joining a film of {CLIPS_PER_FILM} clips", units.film, "s"),
        Figure("KEDA: segments per renderer", scaler.segments_each, ""),
        Figure("KEDA: films per renderer", scaler.films_each, ""),
        Figure(f"KEDA: most renderers, base ({BUSY_FILMS_PER_HOUR} films/h)", base_most(units), ""),
        Figure("KEDA: most renderers, production (10,000 films/h)", scaler.most, ""),
    ]
    for rate in RATES:
        figures += await asyncio.to_thread(_at_rate, units, scaler, rate)
    return figures


def base_most(units: Units) -> int:
    return bound(units, BUSY_FILMS_PER_HOUR)


def _at_rate(units: Units, scaler: Scaler, rate: int) -> list[Figure]:
    seconds = 36_000.0 if rate < 100 else 3_600.0
    outcome = simulate(units, scaler, rate, seconds)
    name = f"{rate:,} films/h"
    return [
        Figure(f"{name}: wait after the last clip, median", outcome.median_seconds, "s"),
        at_most(f"{name}: wait, p95", outcome.p95_seconds, "s", LONGEST_P95_SECONDS),
        Figure(f"{name}: rendering", outcome.dollars_per_film * 100, "cents/film"),
        Figure(f"{name}: renderers at most", outcome.most_renderers, ""),
    ]


async def measure(folder: Path) -> Units:
    """Medians of segments of foreign clips, and one join with all prepared."""
    program = find_program("ffmpeg", 300)
    await draw(program, folder / "clips", HEIGHT)
    shelf = Shelf(folder / "scale", folder / "scale")
    await draw_music(program, folder, shelf)
    house = House(folder, Case(HEIGHT, CLIPS_PER_FILM, False, "foreign"), shelf)
    segments = []
    for piece in house.pieces()[:3]:
        before = cpu_seconds()
        await house.render(piece, again=True)
        segments.append(cpu_seconds() - before)
    await house.prepare()
    before, started = cpu_seconds(), time.perf_counter()
    parts = await house.finish()
    joined = cpu_seconds() - before
    share = parts["compile"] / (time.perf_counter() - started)
    house.studio.close()
    shutil.rmtree(folder / "scale", ignore_errors=True)
    return Units(
        round(median(segments) / PARALLEL + TRANSFER_SECONDS, 1),
        round(joined * share + CLIPS_PER_FILM * TRANSFER_SECONDS / 4, 1),
    )
