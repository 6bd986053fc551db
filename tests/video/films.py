"""What a finished file is measured by: decoding, loudness, length and likeness."""

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.video.media.checks import check_film
from services.video.media.mp4 import is_faststart, read_track
from services.video.media.program import Program
from services.video.media.segments import FPS, SOUND_RATE, frame_of
from services.video.media.splice import Stretch

AAC_DELAY = 1024
Picture = npt.NDArray[np.uint8]


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=120)


def probe(program: Program, film: Path, *arguments: str) -> str:
    argv = [program.path, "-hide_banner", "-f", "mov", "-i", str(film), *arguments]
    done = _run([*argv, "-f", "null", "-"])
    assert done.returncode == 0, done.stderr
    return done.stderr


def decoded_errors(program: Program, film: Path) -> str:
    argv = [program.path, "-v", "error", "-xerror", "-f", "mov", "-i", str(film)]
    return _run([*argv, "-f", "null", "-"]).stderr


def audio_lag_frames(film: Path) -> float:
    """By how many frames its sound is longer than its pictures; the encoder's delay is no sound."""
    picture, sound = read_track(film, "vide"), read_track(film, "soun")
    heard = sound.duration_seconds - AAC_DELAY / SOUND_RATE
    return heard * FPS - len(picture.sizes)


def likeness(program: Program, one: Path, other: Path, graph: str) -> float:
    """SSIM of [a] and [b] that the graph makes of [0:v] and [1:v]."""
    argv = [program.path, "-hide_banner", "-i", str(one), "-i", str(other)]
    done = _run([*argv, "-lavfi", f"{graph};[a][b]ssim", "-f", "null", "-"])
    [found] = re.findall(r"All:([\d.]+)", done.stderr)
    return float(found)


def frame_at(program: Program, film: Path, seconds: float) -> Picture:
    track: Any = read_track(film, "vide")
    width, height = track.size
    argv = [program.path, "-v", "error", "-ss", f"{seconds:.3f}", "-i", str(film)]
    argv += ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(argv, capture_output=True, timeout=60, check=True).stdout
    return np.frombuffer(raw, dtype=np.uint8).reshape(height, width, 3)


def assert_golden(program: Program, film: Path, aspect: str, cuts: list[Stretch]) -> None:
    """Everything that is promised of every film, by FFmpeg's word and by its tables."""
    frames, frame = sum(cut.frames for cut in cuts), frame_of(aspect, 180)
    check_film(film, frame, cuts)
    assert decoded_errors(program, film) == ""
    assert is_faststart(film)
    said = probe(program, film, "-af", "ebur128=framelog=quiet")
    assert re.search(rf"h264 \(High\).*yuv420p\(tv, bt709.*{frame.width}x{frame.height}", said)
    assert re.search(rf"\b{FPS} fps", said)
    assert re.search(r"aac.*48000 Hz, stereo", said)
    [clock] = re.findall(r"Duration: (\d+):(\d+):([\d.]+)", said)
    seconds = int(clock[0]) * 3600 + int(clock[1]) * 60 + float(clock[2])
    # FFmpeg shows hundredths.
    assert abs(seconds - frames / FPS) < 1 / FPS + 0.005
    assert len(read_track(film, "vide").sizes) == frames
    assert abs(audio_lag_frames(film)) < 1
    [loudness] = re.findall(r"\bI:\s+(-?[\d.]+) LUFS", said)
    assert abs(float(loudness) + 16) <= 1
