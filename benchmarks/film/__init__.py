"""A film after its last clip, beside MoviePy 2 and FFmpeg on the same clips in one run.

By default a part of it that ends within minutes; `BENCH_FULL=1` measures every length and size
(below 25 minutes: slow peers once, and at 1080p only the shortest film of theirs).
`BENCH_CLIPS=48 BENCH_HEIGHT=1080` is one film of either, and nothing besides it;
`BENCH_PEERS=0` leaves out who encodes everything after the last clip.
"""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import ffmpeg

from benchmarks.figures import OUT, Figure
from benchmarks.film import inputs, rounds
from benchmarks.film.house import MUSIC
from benchmarks.film.shelf import Shelf
from services.video.media.loudness import curve_of
from services.video.media.program import Program, find_program
from services.video.media.synth import synthesise, write_wave
from services.video.music.rules import CATALOGUE

FOLDER = OUT / "film"
QUICK = rounds.Extent(
    {720: (4, 48), 1080: (4, 48)}, moviepy={720: (4,)}, encoders={720: (4,)}, renderer_turns=1
)
FULL = rounds.Extent(
    {720: (4, 12, 24, 48), 1080: (4, 12, 24, 48)},
    moviepy={720: (4, 24, 48), 1080: (4,)},
    encoders={720: (4, 12), 1080: (4,)},
    renderer_turns=3,
)


async def run() -> list[Figure]:
    """Every figure of this area; clips drawn once stay in `out/bench/film`."""
    extent = extent_of(os.environ)
    program = find_program("ffmpeg", 600)
    for name in ("shelf", "written", "inputs", "whole", "scratch", "films"):
        shutil.rmtree(FOLDER / name, ignore_errors=True)
    (FOLDER / "films").mkdir(parents=True)
    for height in extent.sizes:
        await inputs.draw(program, FOLDER / "clips", height)
    for name in ("shelf", "inputs"):
        await draw_music(program, FOLDER, Shelf(FOLDER / name, FOLDER / name))
    return await rounds.measure_all(program, FOLDER, extent)


def extent_of(environment: Mapping[str, str]) -> rounds.Extent:
    """How much is asked for; a length or a size alone leaves everything else out."""
    extent = FULL if environment.get("BENCH_FULL") == "1" else QUICK
    if environment.get("BENCH_PEERS") == "0":
        extent = replace(extent, moviepy={}, encoders={})
    clips, height = environment.get("BENCH_CLIPS"), environment.get("BENCH_HEIGHT")
    if clips is None and height is None:
        return extent
    sizes = {
        size: tuple(length for length in lengths if clips in (None, str(length)))
        for size, lengths in extent.sizes.items()
        if height in (None, str(size))
    }
    if not any(sizes.values()):
        raise SystemExit(f"no film of {clips} clips at {height} here: {extent.sizes}")
    return replace(extent, sizes=sizes, renderer_turns=0)


async def draw_music(program: Program, folder: Path, shelf: Shelf) -> None:
    """A track of the catalogue with its loudness curve, in a folder and on a shelf."""
    sound = await asyncio.to_thread(synthesise, CATALOGUE[1].recipe)
    write_wave(folder / "music.wav", sound)
    (folder / "music.json").write_text(json.dumps(curve_of(sound)))
    wave = ffmpeg.input(str(folder / "music.wav")).audio
    await program.run(ffmpeg.output(wave, str(folder / MUSIC), acodec="aac"), folder)
    await shelf.upload(folder / MUSIC, MUSIC, content_type="audio/mp4")
