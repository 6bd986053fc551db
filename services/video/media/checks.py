"""What a clip of the vendor and a film of ours must be before anybody relies on them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ffmpeg

from services.video.media.mp4 import NotAnMp4, Track, find_track, is_faststart, read_track
from services.video.media.program import SAFE_INPUT, Program, RenderFailed
from services.video.media.score import SAMPLES_PER_FRAME, frames_of
from services.video.media.segments import (
    CROSS_FADE_FRAMES,
    FPS,
    OWN_INPUT,
    VIDEO_TIMESCALE,
    Frame,
    cuts_of,
)
from services.video.media.splice import Stretch

MAX_SIDE = 4096
SHORTER_BY_SECONDS = 0.5
LONGER_BY_SECONDS = 1.0
POSTER_WIDTH = 1280
THUMBNAIL_WIDTH = 480


class NotAClip(Exception):
    """The file is not the clip we asked for; the text is a stable code."""


class FilmBroken(Exception):
    """Our own film is not what was planned: never publish it."""


@dataclass(frozen=True)
class ClipFacts:
    """What a clip's own tables say; pixels and seconds."""

    width: int
    height: int
    seconds: float
    has_sound: bool


def read_clip(path: Path, asked_seconds: int) -> ClipFacts:
    """The facts of a whole clip; raises NotAClip for anything else: a playlist, half a file."""
    try:
        picture = read_track(path, "vide")
        sound = find_track(path, "soun")
    except NotAnMp4 as error:
        raise NotAClip("not_a_clip") from error
    width, height = picture.size
    if not (16 <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE):
        raise NotAClip("clip_size_out_of_bounds")
    seconds = picture.duration_seconds
    if not asked_seconds - SHORTER_BY_SECONDS <= seconds <= asked_seconds + LONGER_BY_SECONDS:
        raise NotAClip("clip_duration_wrong")
    return ClipFacts(width, height, seconds, sound is not None)


async def check_decodes(program: Program, path: Path) -> None:
    """Decode one picture, which shows a broken stream early and cheaply; raises NotAClip.

    Also one that is larger than its header says: its decoder gives up before taking memory.
    """
    most = {"max_pixels": MAX_SIDE * MAX_SIDE}
    source = ffmpeg.input(str(path), f="mov", **SAFE_INPUT, **most, threads=1)
    graph = ffmpeg.output(source.video, "-", **{"frames:v": 1}, format="null")
    try:
        await program.run(graph.global_args("-xerror"), path.parent)
    except RenderFailed as error:
        raise NotAClip("not_a_clip") from error


async def check_segment(program: Program, path: Path, frame: Frame, frames: int) -> None:
    """What every segment must be before a film relies on it; raises FilmBroken.

    Its tables are read whole; its key frames are decoded.
    """
    picture = read_track(path, "vide")
    if not is_exact(picture, frame, frames):
        raise FilmBroken("the segment has other frames than planned")
    source = ffmpeg.input(str(path), **OWN_INPUT, skip_frame="nokey")
    graph = ffmpeg.output(source.video, "-", format="null", fps_mode="passthrough")
    said = await program.run(graph.global_args("-xerror", "-v", "error"), path.parent)
    if said.strip():
        raise FilmBroken("the segment does not decode without errors")


def is_exact(picture: Track, frame: Frame, frames: int) -> bool:
    """Size, number and pace of the frames, and a key frame wherever a film may cut."""
    size, keys = (frame.width, frame.height), set(picture.key_samples)
    return (
        picture.size == size
        and len(picture.sizes) == frames
        and picture.timescale == VIDEO_TIMESCALE
        and picture.durations == [(frames, VIDEO_TIMESCALE // FPS)]
        and all(cut + 1 in keys for cut in cuts_of(frames))
    )


def check_film(path: Path, frame: Frame, stretches: Sequence[Stretch]) -> None:
    """The joins of a film, from its tables alone; raises FilmBroken.

    Exact frames at an exact pace, a key frame where each stretch begins, sound as long as the
    pictures, moov first, no byte missing or too many. What lies between came through unchanged.
    """
    picture, sound = read_track(path, "vide"), read_track(path, "soun")
    frames = sum(stretch.frames for stretch in stretches)
    if len(picture.sizes) != frames or picture.durations != [(frames, picture.timescale // FPS)]:
        raise FilmBroken("the film has other frames than planned")
    if picture.size != (frame.width, frame.height):
        raise FilmBroken("the film has another size than planned")
    if len(sound.sizes) != frames_of(frames * SAMPLES_PER_FRAME):
        raise FilmBroken("sound and pictures differ in length")
    begins = {sum(stretch.frames for stretch in stretches[:n]) + 1 for n in range(len(stretches))}
    if not begins <= set(picture.key_samples):
        raise FilmBroken("a stretch does not begin with a key frame")
    first = min(picture.offsets[0], sound.offsets[0])
    if path.stat().st_size != first + sum(picture.sizes) + sum(sound.sizes):
        raise FilmBroken("the film has other bytes than its segments")
    if not is_faststart(path):
        raise FilmBroken("the header is not in front")


async def make_pictures(program: Program, segment: Path, poster: Path, thumbnail: Path) -> None:
    """JPEGs of half a second into a segment: a key frame, so that nothing else is decoded."""
    at = CROSS_FADE_FRAMES / FPS
    split = (
        ffmpeg.input(str(segment), **OWN_INPUT, ss=at)
        .video.filter("format", "yuvj420p")
        .filter_multi_output("split", 2)
    )
    sizes = ((poster, POSTER_WIDTH), (thumbnail, THUMBNAIL_WIDTH))
    outputs = [
        ffmpeg.output(
            split[number].filter("scale", f"min({width},iw)", -2),
            str(path),
            **{"frames:v": 1, "q:v": 3, "update": 1},
            format="image2",
        )
        for number, (path, width) in enumerate(sizes)
    ]
    await program.run(ffmpeg.merge_outputs(*outputs), segment.parent)


def measure(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
