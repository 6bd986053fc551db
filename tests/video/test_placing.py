"""Pictures of another shape are shown whole when a crop would lose half of them."""

import subprocess
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from services.video.media import segments
from services.video.media.checks import check_segment
from services.video.media.conform import Conformity
from services.video.media.mp4 import find_track, read_track
from services.video.media.program import Program
from services.video.media.segments import FPS, Frame, Source, frame_of
from services.video.media.splice import form_of
from tests.video.pictures import GOLDEN, make_clip, photo, render

Picture = npt.NDArray[np.uint8]
MARK = (230, 30, 30)


def marked(path: Path, size: Frame) -> Source:
    """A grey photo whose four edges are red: they tell whether it is shown whole."""
    picture = Image.new("RGB", (size.width, size.height), (120, 120, 120))
    edge = min(size.width, size.height) // 12
    box = (0, 0, size.width - 1, size.height - 1)
    ImageDraw.Draw(picture).rectangle(box, outline=MARK, width=edge)
    picture.save(path, "JPEG", quality=95)
    return Source(path, size)


def first_picture(program: Program, film: Path, frame: Frame) -> Picture:
    argv = [program.path, "-v", "error", "-i", str(film), "-frames:v", "1"]
    argv += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(argv, capture_output=True, timeout=60, check=True).stdout
    return np.frombuffer(raw, dtype=np.uint8).reshape(frame.height, frame.width, 3)


def is_red(pixel: Any) -> bool:
    return bool(pixel[0] > 170 and pixel[1] < 90)


@pytest.mark.parametrize(
    ("size", "aspect", "share"),
    [
        (Frame(640, 480), "16:9", 0.75),
        (Frame(480, 640), "16:9", 0.42),
        (Frame(360, 640), "16:9", 0.32),
        (Frame(640, 360), "9:16", 0.32),
        (Frame(640, 360), "1:1", 0.56),
    ],
)
def test_what_a_crop_keeps(size: Frame, aspect: str, share: float) -> None:
    assert frame_of(aspect, 1080).keeps_of(size) == pytest.approx(share, abs=0.01)


async def test_a_portrait_photo_is_whole_in_a_wide_film(program: Program, tmp_path: Path) -> None:
    source, frame = marked(tmp_path / "photo", Frame(480, 640)), frame_of("16:9", 360)
    target = tmp_path / "segment.mp4"
    await program.run(segments.photo_graph(source, frame, 30, target, 2), tmp_path)
    shown = first_picture(program, target, frame)
    middle, half = frame.height // 2, frame.height * 480 // 640 // 2
    assert is_red(shown[6, frame.width // 2]), "its upper edge is there"
    assert is_red(shown[-7, frame.width // 2]), "its lower edge is there"
    assert is_red(shown[middle, frame.width // 2 - half + 6]), "its left edge is there"
    assert is_red(shown[middle, frame.width // 2 + half - 7]), "its right edge is there"
    beside = shown[middle - 40 : middle + 40, 20:150].astype(float)
    assert beside.mean() > 40, "beside it there is no black"
    assert beside.std(axis=(0, 1)).max() < 45, "what is beside it is blurred"


async def test_a_photo_of_about_the_films_shape_fills_it(program: Program, tmp_path: Path) -> None:
    source, frame = marked(tmp_path / "photo", Frame(640, 480)), frame_of("16:9", 360)
    target = tmp_path / "segment.mp4"
    await program.run(segments.photo_graph(source, frame, 30, target, 2), tmp_path)
    shown = first_picture(program, target, frame)
    assert is_red(shown[180, 8])
    assert is_red(shown[180, -8])
    assert not is_red(shown[4, 320]), "its upper edge is cut away"


async def test_a_portrait_clip_joins_a_wide_film(program: Program, tmp_path: Path) -> None:
    parts = []
    for odd in (GOLDEN[0], GOLDEN[1]):
        parts.append(await render(program, await make_clip(program, odd, tmp_path), "16:9"))
        await check_segment(program, parts[-1], frame_of("16:9", 180), 150)
    first, second = (form_of(read_track(part, "vide")) for part in parts)
    assert first == second


async def test_a_clip_in_our_own_form_is_not_encoded_again(
    program: Program, tmp_path: Path
) -> None:
    frame, conformity = frame_of("16:9", 180), Conformity(program)
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    ours = await render(program, clip, "16:9")
    assert await conformity.holds_for(ours, frame, 150)
    assert not await conformity.holds_for(clip, frame, 150), "a vendor's own parameters"
    assert not await conformity.holds_for(ours, frame, 300), "another length"
    assert not await conformity.holds_for(ours, frame_of("1:1", 180), 150), "another size"
    assert not await conformity.holds_for(ours, frame_of("16:9", 360), 150)


async def test_a_conforming_clip_with_a_broken_picture_is_encoded(
    program: Program, tmp_path: Path
) -> None:
    ours = await render(program, await make_clip(program, GOLDEN[0], tmp_path), "16:9")
    at = read_track(ours, "vide").offsets[15]
    data = bytearray(ours.read_bytes())
    data[at + 8 : at + 400] = bytes(392)
    ours.write_bytes(data)
    assert not await Conformity(program).holds_for(ours, frame_of("16:9", 180), 150)


async def test_with_sound_a_conforming_clip_conforms_too(program: Program, tmp_path: Path) -> None:
    silent = await render(program, await make_clip(program, GOLDEN[1], tmp_path), "16:9")
    whole = tmp_path / "whole.mp4"
    streams = [
        ffmpeg.input(str(silent)).video,
        ffmpeg.input("sine=f=300:d=5", f="lavfi").audio,
    ]
    copied = {"vcodec": "copy", "video_track_timescale": segments.VIDEO_TIMESCALE}
    await program.run(ffmpeg.output(*streams, str(whole), **copied), tmp_path)
    assert find_track(whole, "soun") is not None
    assert await Conformity(program).holds_for(whole, frame_of("16:9", 180), 5 * FPS)


async def test_a_photo_turned_by_its_camera_is_measured_as_seen(tmp_path: Path) -> None:
    from services.video.media.units import _photo_size

    path = tmp_path / "photo"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(_written(tmp_path, photo(1, 400, 300))).save(path, "JPEG", exif=exif)
    assert _photo_size(path) == Frame(300, 400)


def _written(folder: Path, data: bytes) -> Path:
    path = folder / "plain"
    path.write_bytes(data)
    return path
