"""Makes a film's sound region by region: shots' own, music under it, AAC that joins exactly."""

import asyncio
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import numpy.typing as npt

from services.video.media import segments
from services.video.media.loudness import Sound, curve_of, loudness_of
from services.video.media.program import SAFE_INPUT, Program
from services.video.media.score import (
    AAC_FRAME,
    MOST_GAIN_DB,
    TARGET_LUFS,
    Region,
    Tune,
    Voice,
    fades,
)
from services.video.media.segments import SOUND_RATE
from services.video.media.splice import Stretch

PEAK_DB = -1.5
SILENCE_LUFS = -60.0
PRE_ROLL = 47
"""AAC frames encoded before a region and thrown away, as if the encoder had begun earlier."""
POST_ROLL = 2
EDGE = SOUND_RATE // 100
"""Samples in which a shot's own sound comes and goes at a cut, so that nothing clicks."""
DUCK_BEFORE = SOUND_RATE * 3 // 10
DUCK_AFTER = SOUND_RATE * 6 // 10


async def extract_voice(program: Program, clip: Path, frames: int, target: Path) -> bool:
    """The clip's own sound at −16 LUFS: PCM (f32le, 48 kHz, stereo) as long as its pictures.

    False, and no file, when there is nothing to hear. Raises RenderFailed, RenderTimeout.
    """
    await program.run(segments.sound_graph(clip, frames, target), clip.parent)
    return await asyncio.to_thread(_bring_to_target, target)


def _bring_to_target(pcm: Path) -> bool:
    sound = np.fromfile(pcm, dtype="<f4").reshape(-1, 2)
    loudness = loudness_of(curve_of(sound))
    if loudness < SILENCE_LUFS:
        pcm.unlink()
        return False
    gain = min(MOST_GAIN_DB, TARGET_LUFS - loudness)
    (sound * np.float32(10 ** (gain / 20))).astype("<f4").tofile(pcm)
    return True


async def decode_music(program: Program, music: Path, target: Path) -> None:
    """The whole track as PCM (f32le, 48 kHz, stereo)."""
    sound = (
        ffmpeg.input(str(music), f="mov", **SAFE_INPUT)
        .audio.filter("aresample", SOUND_RATE)
        .filter("aformat", sample_fmts="flt", channel_layouts="stereo")
    )
    graph = ffmpeg.output(sound, str(target), format="f32le", acodec="pcm_f32le")
    await program.run(graph, target.parent)


async def make_region(
    program: Program, region: Region, files: dict[str, Path], target: Path
) -> None:
    """AAC in MP4 that holds the region; `files` are PCM of the voices and of the music.

    Raises RenderFailed or RenderTimeout.
    """
    raw = target.with_suffix(".f32")
    await asyncio.to_thread(lambda: mix(region, files).astype("<f4").tofile(raw))
    await program.run(_encoding(raw, target), target.parent)


def stretch_of(region: Region, path: Path) -> Stretch:
    """Which frames of the region's file are the film's."""
    return Stretch(path, region.first - _begin(region), region.end - region.first)


def mix(region: Region, files: dict[str, Path]) -> Sound:
    """The region's samples with what the encoder needs before and after it, × 2 channels."""
    first, end = _begin(region) * AAC_FRAME, (region.end + POST_ROLL) * AAC_FRAME
    end = min(end, region.voices[-1].end)
    at = np.arange(first, end)
    mixed = np.zeros((len(at), 2), dtype=np.float32)
    for voice in region.voices:
        if voice.key is not None:
            begin, stop = max(first, voice.start), min(end, voice.end)
            if begin < stop:
                own = _read(files[voice.key], begin - voice.start, stop - begin)
                weight = _weight(at[begin - first : stop - first] - voice.start, voice)
                mixed[begin - first : stop - first] += own * weight * region.voice_factor
    if region.tune is not None:
        mixed += _music(region.tune, files[region.tune.key], at) * _level(region, at)[:, None]
    return mixed


def _begin(region: Region) -> int:
    return max(0, region.first - PRE_ROLL)


def _read(pcm: Path, first: int, samples: int) -> Sound:
    with pcm.open("rb") as file:
        file.seek(first * 8)
        return np.frombuffer(file.read(samples * 8), dtype="<f4").reshape(-1, 2)


def _weight(at: npt.NDArray[np.int64], voice: Voice) -> npt.NDArray[np.float32]:
    """How much of a shot's own sound is heard so many samples into it."""
    coming = (at + 1) / max(EDGE, voice.fade_in)
    going = (voice.samples - at) / max(EDGE, voice.fade_out)
    factor = np.clip(np.minimum(coming, going), 0.0, 1.0)
    return np.asarray(factor[:, None], dtype=np.float32)


def _music(tune: Tune, pcm: Path, at: npt.NDArray[np.int64]) -> Sound:
    """The track from its beginning, again and again, with the film's fades."""
    track = np.memmap(pcm, dtype="<f4", mode="r").reshape(-1, 2)
    played = track[at % len(track)]
    return np.asarray(played * fades(at, tune.samples)[:, None], dtype=np.float32)


def _level(region: Region, at: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Music gives way while a shot has its own sound, and comes back behind it."""
    tune = region.tune
    assert tune is not None  # noqa: S101
    away = np.zeros(len(at))
    for voice in region.voices:
        if voice.key is not None:
            before = (at - voice.start) / DUCK_BEFORE + 1
            after = (voice.end - at) / DUCK_AFTER + 1
            away = np.maximum(away, np.clip(np.minimum(before, after), 0.0, 1.0))
    return np.asarray(tune.alone + (tune.under - tune.alone) * away, dtype=np.float32)


def _encoding(raw: Path, target: Path) -> Any:
    peak = 10 ** (PEAK_DB / 20)
    sound = ffmpeg.input(str(raw), f="f32le", ar=SOUND_RATE, ac=2, **SAFE_INPUT).audio.filter(
        "alimiter", limit=peak, level="false", latency="true"
    )
    return ffmpeg.output(
        sound,
        str(target),
        acodec="aac",
        audio_bitrate="192k",
        ar=SOUND_RATE,
        map_metadata=-1,
        format="mp4",
    )
