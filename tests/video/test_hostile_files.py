"""Files that only call themselves clips are refused, and FFmpeg never gets out of its box."""

import http.server
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import pytest

from services.video.media import checks, segments
from services.video.media.mp4 import NotAnMp4, read_track
from services.video.media.program import (
    SAFE_INPUT,
    Program,
    RenderFailed,
    RenderTimeout,
    find_program,
)
from services.video.media.segments import Source, frame_of
from tests.video.pictures import GOLDEN, Odd, make_clip, render


def playlist(clip: Path) -> bytes:
    return f"#EXTM3U\n#EXTINF:5,\n{clip}\n#EXT-X-ENDLIST\n".encode()


def concat(clip: Path) -> bytes:
    return f"ffconcat version 1.0\nfile {clip}\n".encode()


def half(clip: Path) -> bytes:
    data = clip.read_bytes()
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    "forge", [playlist, concat, half, lambda _: b"", lambda _: b"<!doctype html>" * 99]
)
async def test_what_only_calls_itself_mp4_is_refused(
    program: Program, tmp_path: Path, forge: Callable[[Path], bytes]
) -> None:
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    forged = tmp_path / "forged.mp4"
    forged.write_bytes(forge(clip))
    with pytest.raises(checks.NotAClip):
        checks.read_clip(forged, 5)
    with pytest.raises(NotAnMp4):
        await render(program, forged, "16:9")
    # FFmpeg alone would refuse it too: its demuxer is pinned.
    size = frame_of("16:9", 180)
    graph = segments.clip_graph(Source(forged, size), size, 150, tmp_path / "out.mp4", 2)
    with pytest.raises(RenderFailed):
        await program.run(graph, tmp_path)


async def test_a_clip_that_claims_ten_hours_is_refused(program: Program, tmp_path: Path) -> None:
    clip = await make_clip(program, Odd("tiny", "64x64", "1"), tmp_path)
    data = bytearray(clip.read_bytes())
    at = data.index(b"stts") + 8
    struct.pack_into(">II", data, at + 4, 5, 36_000 * 16_384 // 5)
    clip.write_bytes(data)
    with pytest.raises(checks.NotAClip):
        checks.read_clip(clip, 5)


async def test_every_cut_off_or_bent_table_is_refused_in_words(
    program: Program, tmp_path: Path
) -> None:
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    whole = clip.read_bytes()
    chance = np.random.default_rng(7)
    bent = tmp_path / "bent.mp4"
    start = whole.index(b"moov")
    for _ in range(300):
        data = bytearray(whole)
        for place in chance.integers(start, len(data), 8):
            data[place] = chance.integers(0, 256)
        bent.write_bytes(data)
        for kind in ("vide", "soun"):
            try:
                read_track(bent, kind)
            except NotAnMp4:
                continue


async def test_the_deadline_leaves_no_process_behind(tmp_path: Path) -> None:
    hasty = Program(find_program("ffmpeg", 1).path, 0.5)
    endless: Any = ffmpeg.input("testsrc2=s=1920x1080", f="lavfi", re=None)
    marker = str(tmp_path / "endless.mp4")
    with pytest.raises(RenderTimeout):
        await hasty.run(ffmpeg.output(endless, marker, t=600), tmp_path)
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(marker.encode() in line for line in running)


async def test_the_child_has_no_network(program: Program, tmp_path: Path) -> None:
    asked: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        """Notes whoever comes."""

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/clip.mp4"
    graph = ffmpeg.output(ffmpeg.input(url, f="mov", **SAFE_INPUT), "-", format="null")
    with pytest.raises(RenderFailed):
        await program.run(graph, tmp_path)
    server.shutdown()
    assert asked == []
