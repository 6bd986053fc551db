"""Sound for films of tests: regions made from clips we drew, and music we synthesised."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import ffmpeg

from services.video.media.loudness import Sound, curve_of
from services.video.media.mp4 import find_track
from services.video.media.program import Program
from services.video.media.score import Music, Region, regions_of, voices_of
from services.video.media.soundtrack import decode_music, extract_voice, make_region, stretch_of
from services.video.media.splice import Stretch
from services.video.media.synth import synthesise, write_wave
from services.video.music.rules import CATALOGUE

Shot = tuple[str | None, int, int]
"""The file of a shot's own sound, its frames, and how many it shares with the next."""
TRACK = "track"


@dataclass(frozen=True)
class Tracked:
    """Music as a renderer has it: decoded, with its loudness known."""

    pcm: Path
    curve: list[float]

    def at(self, volume_percent: int) -> Music:
        return Music(TRACK, self.curve, volume_percent)


async def make_track(program: Program, folder: Path, number: int = 1) -> Tracked:
    sound: Sound = await asyncio.to_thread(synthesise, CATALOGUE[number].recipe)
    return await track_of(program, folder, sound)


async def track_of(program: Program, folder: Path, sound: Sound) -> Tracked:
    write_wave(folder / "track.wav", sound)
    wave = ffmpeg.input(str(folder / "track.wav")).audio
    await program.run(ffmpeg.output(wave, str(folder / "track.m4a"), acodec="aac"), folder)
    await decode_music(program, folder / "track.m4a", folder / "track.pcm")
    return Tracked(folder / "track.pcm", curve_of(sound))


async def heard(program: Program, clip: Path, frames: int = 150) -> Shot:
    pcm = clip.with_suffix(".pcm")
    if find_track(clip, "soun") is None or not await extract_voice(program, clip, frames, pcm):
        return None, frames, 0
    return str(pcm), frames, 0


def planned(shots: list[Shot], music: Music | None = None) -> list[Region]:
    return regions_of(voices_of(shots), music)


async def make_sound(
    program: Program, regions: list[Region], folder: Path, track: Tracked | None = None
) -> list[Stretch]:
    """Every region encoded apart, as renderers do."""
    files = {v.key: Path(v.key) for region in regions for v in region.voices if v.key}
    if track is not None:
        files[TRACK] = track.pcm
    pieces = []
    for number, region in enumerate(regions):
        target = folder / f"region-{number}.m4a"
        await make_region(program, region, files, target)
        pieces.append(stretch_of(region, target))
    return pieces


async def sound_of(
    program: Program, shots: list[Shot], folder: Path, track: Tracked | None = None
) -> list[Stretch]:
    regions = planned(shots, track.at(50) if track is not None else None)
    return await make_sound(program, regions, folder, track)


def silence(shots: int) -> list[Shot]:
    return [(None, 150, 0)] * shots
