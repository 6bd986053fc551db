"""FFmpeg graphs that bring a clip, a photo or a cross-fade into a film's one exact form."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import ffmpeg

from services.video.media.program import SAFE_INPUT

AspectRatio = Literal["16:9", "9:16", "1:1"]

FPS = 30
SOUND_RATE = 48_000
CROSS_FADE_FRAMES = 15
"""Half a second; every segment has key frames where a cross-fade would cut it."""
LONG_SIDE_PER_SHORT = 16 / 9
VIDEO_TIMESCALE = 30_000
LEAST_KEPT = 0.5
"""A crop that keeps less of a picture than this is refused: it is shown whole instead."""

ENCODING: dict[str, Any] = {
    "vcodec": "libx264",
    "preset": "veryfast",
    "crf": 20,
    "profile:v": "high",
    "pix_fmt": "yuv420p",
    "g": 2 * FPS,
    # The second line: a quarter less CPU than the preset alone for a tenth more bytes.
    # The third: a lookahead without a thread of its own, the same bytes in 30 MB less at 1080p.
    "x264-params": "stitchable=1:open-gop=0:scenecut=0:force-cfr=1"
    ":subme=1:me=dia:partitions=i8x8,i4x4"
    ":sync-lookahead=0",
    "video_track_timescale": VIDEO_TIMESCALE,
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "colorspace": "bt709",
    "color_range": "tv",
    "map_metadata": -1,
    "format": "mp4",
}
"""One setting for every segment of every film, so that all of them join by copying."""
SEAM_ENCODING = ENCODING | {
    # Half a second of ever new pictures has nothing to look ahead for: both processors begin with
    # its first frame. Without macroblock trees this rate factor looks like the other one with.
    "crf": 25,
    "x264-params": ENCODING["x264-params"]
    + ":rc-lookahead=0:mbtree=0:b-adapt=0:sliced-threads=1:subme=0:partitions=none",
}
"""The same stream for a decoder, sooner: as like its pictures as before, a fifth more bytes."""
OWN_INPUT: dict[str, Any] = {
    "f": "mov",
    **SAFE_INPUT,
    "threads": 1,
    "nofind_stream_info": None,
}
"""A file in our form: its tables say all, so FFmpeg need not decode its first picture twice."""
RECIPE = "4"
"""Part of every fingerprint: change it with anything that changes a segment's bytes."""


@dataclass(frozen=True)
class Frame:
    """A picture's size in pixels."""

    width: int
    height: int

    def keeps_of(self, source: "Frame") -> float:
        """Which share of a source is left when it fills this frame, cropped at its middle."""
        ratio = (source.width * self.height) / (source.height * self.width)
        return min(ratio, 1 / ratio)


def frame_of(aspect_ratio: str, short_side: int) -> Frame:
    """1920×1080, 1080×1920 or 1080×1080 at a short side of 1080."""
    long_side = round(short_side * LONG_SIDE_PER_SHORT / 2) * 2
    sizes = {
        "16:9": Frame(long_side, short_side),
        "9:16": Frame(short_side, long_side),
        "1:1": Frame(short_side, short_side),
    }
    return sizes[aspect_ratio]


@dataclass(frozen=True)
class Source:
    """A clip or a photo, and its size in pixels."""

    path: Path
    size: Frame


def clip_graph(clip: Source, frame: Frame, frames: int, target: Path, threads: int) -> Any:
    """The clip brought into the frame, `frames` long; its last picture is held."""
    source = ffmpeg.input(str(clip.path), f="mov", **SAFE_INPUT, threads=1)
    picture = _finished(_placed(source.video, clip.size, frame), frames)
    return encoded(picture, frames, target, threads)


def sound_graph(clip: Path, frames: int, target: Path) -> Any:
    """The clip's sound as PCM (f32le, 48 kHz, stereo), exactly as long as its pictures."""
    samples = frames * SOUND_RATE // FPS
    sound = (
        ffmpeg.input(str(clip), f="mov", **SAFE_INPUT)
        .audio.filter("aresample", SOUND_RATE, **{"async": 1})
        .filter("aformat", sample_fmts="flt", channel_layouts="stereo")
        .filter("apad")
        .filter("atrim", end_sample=samples)
    )
    return ffmpeg.output(sound, str(target), format="f32le", acodec="pcm_f32le")


def photo_graph(photo: Source, frame: Frame, frames: int, target: Path, threads: int) -> Any:
    """A slow push into a photo; fed one picture, for zoompan multiplies looped inputs."""
    # Twice the size first, or the zoom would tremble by whole pixels.
    large = Frame(frame.width * 2, frame.height * 2)
    source = ffmpeg.input(str(photo.path), f="image2", pattern_type="none", **SAFE_INPUT)
    moved = _placed(source.video, photo.size, large).filter(
        "zoompan",
        z=f"1+0.12*on/{frames}",
        x="iw/2-(iw/zoom/2)",
        y="ih/2-(ih/zoom/2)",
        d=frames,
        s=f"{frame.width}x{frame.height}",
        fps=FPS,
    )
    return encoded(_finished(moved, frames), frames, target, threads)


def seam_graph(before: Path, after: Path, frames: int, target: Path, threads: int) -> Any:
    """The cross-fade from the end of one segment (of `frames`) into the start of the next."""
    overlap = CROSS_FADE_FRAMES / FPS
    leaving = ffmpeg.input(str(before), **OWN_INPUT, ss=(frames - CROSS_FADE_FRAMES) / FPS)
    coming = ffmpeg.input(str(after), **OWN_INPUT, t=overlap)
    below, above = (
        side.video.filter("settb", f"1/{FPS}").filter("setpts", "PTS-STARTPTS")
        for side in (leaving, coming)
    )
    # The same pictures as xfade's at a fifth less CPU for the whole seam: it counts in integers.
    above = above.filter("format", "yuva420p").filter(
        "fade", type="in", start_frame=0, nb_frames=CROSS_FADE_FRAMES, alpha=1
    )
    picture = ffmpeg.overlay(below, above, eof_action="endall").filter("format", "yuv420p")
    return _written(picture, CROSS_FADE_FRAMES, target, SEAM_ENCODING | {"threads": threads})


def _placed(picture: Any, size: Frame, frame: Frame) -> Any:
    """Cropped to the frame, or whole before a blur of itself when half of it would be lost."""
    if frame.keeps_of(size) >= LEAST_KEPT:
        return _scaled(picture, frame, "increase").filter("crop", frame.width, frame.height)
    sides = picture.filter_multi_output("split", 2)
    small = Frame(*(2 * max(8, side // 16) for side in (frame.width, frame.height)))
    backdrop = (
        _scaled(sides[0], small, "increase")
        .filter("crop", small.width, small.height)
        .filter("gblur", sigma=4)
        .filter("eq", brightness=-0.06)
        .filter("scale", frame.width, frame.height, flags="bilinear")
        .filter("setsar", 1)
    )
    whole = _scaled(sides[1], frame, "decrease")
    return ffmpeg.overlay(backdrop, whole, x="(W-w)/2", y="(H-h)/2", shortest=1)


def _scaled(picture: Any, frame: Frame, side: str) -> Any:
    return picture.filter(
        "scale",
        frame.width,
        frame.height,
        force_original_aspect_ratio=side,
        force_divisible_by=2,
        flags="bicubic",
        out_color_matrix="bt709",
        out_range="tv",
    ).filter("setsar", 1)


def _finished(picture: Any, frames: int) -> Any:
    return (
        picture.filter("fps", FPS)
        .filter("tpad", stop_mode="clone", stop=frames)
        .filter("format", "yuv420p")
    )


def _tagged(picture: Any) -> Any:
    """Filters forget the tags of what they made, and a photo's profile is not the film's."""
    return picture.filter("sidedata", mode="delete", type="ICC_PROFILE").filter(
        "setparams",
        color_primaries="bt709",
        color_trc="bt709",
        colorspace="bt709",
        range="tv",
    )


def encoded(picture: Any, frames: int, target: Path, threads: int) -> Any:
    return _written(picture, frames, target, ENCODING | {"threads": threads})


def _written(picture: Any, frames: int, target: Path, encoding: dict[str, Any]) -> Any:
    times = ",".join(f"{cut / FPS:.6f}" for cut in cuts_of(frames))
    return ffmpeg.output(
        _tagged(picture),
        str(target),
        **encoding,
        **{"frames:v": frames, "force_key_frames": times},
    )


def cuts_of(frames: int) -> list[int]:
    """The frames at which a film may enter or leave a segment of so many."""
    return sorted({0, CROSS_FADE_FRAMES, frames - CROSS_FADE_FRAMES} & set(range(frames)))
