"""Image to video (Kling): frames warped with sub-pixel steps, encoded by FFmpeg as they come."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np

from local.vendors.fal.models.audio import ambience, write_wave
from local.vendors.fal.models.camera import Matrix, move_for, view
from local.vendors.fal.models.morph import path_between, views
from local.vendors.fal.models.pictures import Job, Picture, cover, picture_at, read_picture

FRAMES_PER_SECOND = 24
# x264 holds frames back and AAC primes with 1024 samples: sound this much shorter ends on time.
PRIMING_SECONDS = 1024 / 48_000
Planes = tuple[Picture, Picture, Picture]


def run(job: Job) -> list[dict[str, Any]]:
    """One MP4 of exactly 5 or 10 s, in the start image's proportions, 24 frames a second."""
    start = read_picture(job, "start_image_url")
    width, height = _size(start, job.max_short_side)
    start = cover(start, width, height)
    seconds = int(job.arguments["duration"])
    count = seconds * FRAMES_PER_SECOND
    if "end_image_url" in job.inputs:
        end = cover(read_picture(job, "end_image_url"), width, height)
        frames = _morph(start, end, count)
    else:
        frames = _move(start, job.prompt, count)
    sound = None
    if job.arguments["generate_audio"]:
        sound = job.folder / "sound.wav"
        seed = crc32(job.prompt.encode())
        write_wave(sound, ambience(seconds - PRIMING_SECONDS, seed))
    path = job.folder / "output.mp4"
    _encode(_command(job.ffmpeg, (width, height), sound, path), frames)
    if sound:
        sound.unlink()
    return [{"file_name": path.name, "content_type": "video/mp4"}]


def _size(picture: Picture, max_short_side: int) -> tuple[int, int]:
    height, width = picture.shape[:2]
    scale = min(1.0, max_short_side / min(height, width))
    return max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2)


def _planes(picture: Picture) -> Planes:
    """Luma and the two half-size chroma planes: half the pixels to warp and to pipe of BGR."""
    height, width = picture.shape[:2]
    i420 = picture_at(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)).ravel()
    luma, chroma = width * height, width * height // 4
    half = (height // 2, width // 2)
    return (
        i420[:luma].reshape(height, width),
        i420[luma : luma + chroma].reshape(half),
        i420[luma + chroma :].reshape(half),
    )


def _warp(planes: Planes, output_to_source: Matrix) -> Iterator[Picture]:
    for plane in planes:
        matrix = output_to_source
        if plane is not planes[0]:
            matrix = output_to_source * np.array([1, 1, 0.5])
            # Half-size pixels sit between the full-size ones: shift by a quarter and back.
            matrix[:, 2] += matrix[:, :2] @ [0.25, 0.25] - 0.25
        height, width = plane.shape
        yield picture_at(
            cv2.warpAffine(
                plane,
                matrix,
                (width, height),
                borderMode=cv2.BORDER_REFLECT,
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            )
        )


def _move(start: Picture, prompt: str, count: int) -> Iterator[Picture]:
    height, width = start.shape[:2]
    move, planes = move_for(prompt), _planes(start)
    for number in range(count):
        matrix = view(move, number / (count - 1), width, height)
        yield from _warp(planes, matrix)


def _morph(start: Picture, end: Picture, count: int) -> Iterator[Picture]:
    size = start.shape[1], start.shape[0]
    path, start_planes, end_planes = path_between(start, end), _planes(start), _planes(end)
    for number in range(count):
        to_start, to_end, weight = views(path, number / (count - 1), size)
        if weight in (0.0, 1.0):
            planes, matrix = (end_planes, to_end) if weight else (start_planes, to_start)
            yield from _warp(planes, matrix)
            continue
        for first, second in zip(
            _warp(start_planes, to_start), _warp(end_planes, to_end), strict=True
        ):
            yield picture_at(cv2.addWeighted(first, 1 - weight, second, weight, 0))


def _command(ffmpeg: Path, size: tuple[int, int], sound: Path | None, output: Path) -> list[str]:
    command = [str(ffmpeg), "-v", "error", "-nostdin", "-y", "-f", "rawvideo"]
    command += ["-pix_fmt", "yuv420p", "-s", f"{size[0]}x{size[1]}"]
    command += ["-r", str(FRAMES_PER_SECOND), "-i", "pipe:0"]
    if sound:
        command += ["-f", "wav", "-i", str(sound), "-c:a", "aac", "-b:a", "128k"]
    command += ["-c:v", "libx264", "-preset", "superfast", "-crf", "22", "-threads", "1"]
    return [*command, "-movflags", "+faststart", "-f", "mp4", str(output)]


def _encode(command: list[str], frames: Iterator[Picture]) -> None:
    """Feed every plane to FFmpeg; raises RuntimeError with its complaint when it fails."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stderr=pipe, pipesize=1 << 20) as process:
        assert process.stdin  # noqa: S101
        assert process.stderr  # noqa: S101
        try:
            for plane in frames:
                process.stdin.write(plane.data)
            process.stdin.close()
        except BrokenPipeError:
            pass
        complaint = process.stderr.read().decode(errors="replace")
        if process.wait(timeout=60) != 0:
            raise RuntimeError(f"FFmpeg: {complaint[-400:]}")
