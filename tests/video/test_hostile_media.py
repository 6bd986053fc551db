"""Media as nobody should send it: refused in words or brought into form, and never harmful."""

import asyncio
import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import pytest

from services.video.media import checks, segments
from services.video.media.checks import NotAClip, check_decodes, read_clip
from services.video.media.mp4 import NotAnMp4, read_track
from services.video.media.program import Program, RenderFailed
from services.video.media.segments import Frame, Source, frame_of
from services.video.media.splice import NotJoinable
from tests.video.pictures import GOLDEN, make_clip, photo

MUTANTS = int(os.environ.get("VIDEO_MUTANTS", "60"))
"""2,000 take some minutes."""
FRAME = frame_of("16:9", 180)
X264 = {"vcodec": "libx264", "preset": "ultrafast", "pix_fmt": "yuv420p", "t": 5}


async def drawn(program: Program, target: Path, size: str, rate: str, **options: Any) -> Path:
    picture = ffmpeg.input(f"testsrc2=s={size}:r={rate}", f="lavfi").video
    await program.run(ffmpeg.output(picture, str(target), **(X264 | options)), target.parent)
    return target


async def taken(program: Program, clip: Path, folder: Path) -> Path:
    """What the service does with a vendor's file: read, decode one picture, bring into form."""
    read_clip(clip, 5)
    await check_decodes(program, clip)
    target = folder / "taken.mp4"
    source = Source(clip, Frame(*read_track(clip, "vide").size))
    await program.run(segments.clip_graph(source, FRAME, 150, target, 1), folder)
    await checks.check_segment(program, target, FRAME, 150)
    return target


DESCRIPTIONS = {
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{clip}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {clip}\n",
    "manifest": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    "<AdaptationSet><Representation><BaseURL>{clip}</BaseURL></Representation>"
    "</AdaptationSet></Period></MPD>",
    "session": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "nothing": "",
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
async def test_a_description_of_other_files_is_no_clip(
    program: Program, tmp_path: Path, kind: str
) -> None:
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    forged = tmp_path / "forged.mp4"
    forged.write_text(DESCRIPTIONS[kind].format(clip=clip))
    with pytest.raises(NotAClip, match="not_a_clip"):
        await taken(program, forged, tmp_path)
    size = Frame(320, 180)
    graph = segments.clip_graph(Source(forged, size), FRAME, 150, tmp_path / "out.mp4", 1)
    with pytest.raises(RenderFailed):
        await program.run(graph, tmp_path)
    still = segments.photo_graph(Source(forged, size), FRAME, 30, tmp_path / "out.mp4", 1)
    with pytest.raises(RenderFailed):
        await program.run(still, tmp_path)


@pytest.mark.parametrize("container", ["avi", "matroska", "mpegts", "flv"])
async def test_another_container_is_no_clip(
    program: Program, tmp_path: Path, container: str
) -> None:
    clip = await drawn(program, tmp_path / "clip.mp4", "320x180", "30", format=container)
    with pytest.raises(NotAClip, match="not_a_clip"):
        await taken(program, clip, tmp_path)


async def test_a_picture_of_8192_pixels_is_refused_before_it_is_decoded(
    program: Program, tmp_path: Path
) -> None:
    clip = await drawn(program, tmp_path / "clip.mp4", "320x180", "30")
    clip.write_bytes(said_to_be(8192, 8192, clip.read_bytes()))
    with pytest.raises(NotAClip, match="clip_size_out_of_bounds"):
        read_clip(clip, 5)


async def test_a_stream_that_is_larger_than_its_header_says_is_refused(
    program: Program, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    # Our own limits would not let it be drawn.
    argv = [program.path, "-v", "error", "-f", "lavfi", "-i", "color=s=8192x8192:r=1:d=5"]
    argv += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(clip)]
    await asyncio.to_thread(subprocess.run, argv, check=True, timeout=60)
    clip.write_bytes(said_to_be(320, 180, clip.read_bytes()))
    read_clip(clip, 5)
    with pytest.raises(NotAClip, match="not_a_clip"):
        await check_decodes(program, clip)


def said_to_be(width: int, height: int, clip: bytes) -> bytes:
    """Its tables speak of another size than its stream."""
    data = bytearray(clip)
    struct.pack_into(">HH", data, clip.index(b"avc1", clip.index(b"stsd")) + 28, width, height)
    return bytes(data)


@pytest.mark.parametrize("seconds", [1.0, 20.0, 36_000.0])
async def test_a_clip_of_another_length_than_asked_for_is_refused(
    program: Program, tmp_path: Path, seconds: float
) -> None:
    rate = "30" if seconds < 100 else "1/3600"
    clip = await drawn(program, tmp_path / "clip.mp4", "64x64", rate, t=seconds)
    with pytest.raises(NotAClip, match="clip_duration_wrong"):
        read_clip(clip, 5)


async def test_a_thousand_pictures_a_second_become_thirty(program: Program, tmp_path: Path) -> None:
    clip = await drawn(program, tmp_path / "clip.mp4", "64x36", "1000")
    assert len(read_track(await taken(program, clip, tmp_path), "vide").sizes) == 150


async def test_pictures_at_an_uneven_pace_become_even(program: Program, tmp_path: Path) -> None:
    picture = ffmpeg.input("testsrc2=s=320x180:r=30", f="lavfi").video
    uneven = picture.filter("select", "not(mod(n,7))+lt(mod(n,30),9)")
    clip = tmp_path / "clip.mp4"
    await program.run(ffmpeg.output(uneven, str(clip), fps_mode="vfr", **X264), tmp_path)
    assert len(set(read_track(clip, "vide").durations)) > 1
    assert len(read_track(await taken(program, clip, tmp_path), "vide").sizes) == 150


async def test_sound_without_pictures_is_no_clip(program: Program, tmp_path: Path) -> None:
    tone, clip = ffmpeg.input("sine=d=5", f="lavfi").audio, tmp_path / "clip.mp4"
    await program.run(ffmpeg.output(tone, str(clip)), tmp_path)
    with pytest.raises(NotAClip, match="not_a_clip"):
        read_clip(clip, 5)


async def test_a_hundred_streams_and_a_cover_are_one_clip(program: Program, tmp_path: Path) -> None:
    picture = await drawn(program, tmp_path / "one.mp4", "320x180", "30")
    cover = tmp_path / "cover.jpg"
    cover.write_bytes(photo(1))
    text = tmp_path / "text.srt"
    text.write_text("1\n00:00:00,000 --> 00:00:04,000\nhello\n")
    tone = tmp_path / "tone.m4a"
    await program.run(ffmpeg.output(ffmpeg.input("sine=d=5", f="lavfi"), str(tone)), tmp_path)
    clip = tmp_path / "clip.mp4"
    argv = [program.path, "-v", "error", "-i", str(picture), "-i", str(tone), "-i", str(text)]
    argv += ["-i", str(cover), "-map", "0:v", *(["-map", "1:a"] * 100), "-map", "2:s"]
    argv += ["-map", "3:v", "-c", "copy", "-c:s", "mov_text", "-disposition:v:1", "attached_pic"]
    subprocess.run([*argv, "-t", "5", str(clip)], check=True, timeout=60)
    made = await taken(program, clip, tmp_path)
    assert len(read_track(made, "vide").sizes) == 150
    await program.run(segments.sound_graph(clip, 150, tmp_path / "own.pcm"), tmp_path)
    assert (tmp_path / "own.pcm").stat().st_size == 5 * segments.SOUND_RATE * 8


async def test_media_that_lies_in_another_file_is_not_read(
    program: Program, tmp_path: Path
) -> None:
    clip = await drawn(program, tmp_path / "clip.mp4", "320x180", "30")
    own = (await taken(program, clip, tmp_path)).read_bytes()
    other = await drawn(program, tmp_path / "other.mp4", "320x180", "30", vf="negate")
    clip.write_bytes(pointing_at(f"file://{other}", clip.read_bytes()))
    assert (await taken(program, clip, tmp_path)).read_bytes() == own


def pointing_at(address: str, clip: bytes) -> bytes:
    """The clip with its media said to lie at an address; its tables lie behind its media."""
    data, at = bytearray(clip), clip.index(b"dref") + 12
    assert clip[at + 4 : at + 8] == b"url "
    entry = struct.pack(">I4sI", 13 + len(address), b"url ", 0) + address.encode() + b"\0"
    grown = len(entry) - 12
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        (length,) = struct.unpack_from(">I", data, clip.index(kind) - 4)
        struct.pack_into(">I", data, clip.index(kind) - 4, length + grown)
    data[at : at + 12] = entry
    return bytes(data)


Bend = Callable[[bytearray, np.random.Generator], None]


def bend_table(data: bytearray, chance: np.random.Generator) -> None:
    start = data.index(b"moov")
    for place in chance.integers(start, len(data), 6):
        data[place] = chance.integers(0, 256)


def bend_pictures(data: bytearray, chance: np.random.Generator) -> None:
    start = data.index(b"mdat") + 4
    for place in chance.integers(start, data.index(b"moov"), 40):
        data[place] = chance.integers(0, 256)


def cut_off(data: bytearray, chance: np.random.Generator) -> None:
    del data[int(chance.integers(8, len(data))) :]


@pytest.mark.timeout(120 + 2 * MUTANTS)
@pytest.mark.parametrize("bend", [bend_table, bend_pictures, cut_off])
async def test_mutants_harm_nobody(program: Program, tmp_path: Path, bend: Bend) -> None:
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    whole, chance = clip.read_bytes(), np.random.default_rng(11)
    mutant, outcomes = tmp_path / "mutant.mp4", {"taken": 0, "refused": 0}
    async with asyncio.timeout(100 + 2 * MUTANTS):
        for _ in range(MUTANTS // 3):
            data = bytearray(whole)
            bend(data, chance)
            mutant.write_bytes(data)
            try:
                await taken(program, mutant, tmp_path)
                outcomes["taken"] += 1
            except (NotAClip, NotAnMp4, NotJoinable, RenderFailed, checks.FilmBroken):
                outcomes["refused"] += 1
    assert sum(outcomes.values()) == MUTANTS // 3
    assert outcomes["refused"] or bend is not cut_off
