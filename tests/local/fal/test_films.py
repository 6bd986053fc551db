"""The clips fal's stand-in makes: how long they are, where they lead, how they sound."""

import subprocess
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from local.infrastructure import find_ffmpeg
from local.vendors.fal.models import film
from local.vendors.fal.models.camera import move_for, view
from tests.support.fal import job, room

Picture = npt.NDArray[np.uint8]
FILM = {"prompt": "slow push in", "duration": "5", "generate_audio": True}


def likeness(one: Picture, other: Picture) -> float:
    return float(cv2.PSNR(one, other))


def decoded(path: Path, width: int, height: int) -> Picture:
    """Every frame of a video: frames × height × width × 3."""
    command = [str(find_ffmpeg().ffmpeg), "-v", "error", "-i", str(path), "-f", "rawvideo"]
    command += ["-pix_fmt", "bgr24", "pipe:1"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def described(path: Path) -> str:
    command = [str(find_ffmpeg().ffmpeg), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr


@pytest.mark.parametrize(("duration", "audio"), [("5", True), ("10", False)])
def test_a_clip_lasts_exactly_and_sounds_only_when_asked(
    tmp_path: Path, duration: str, audio: bool
) -> None:
    arguments = FILM | {"duration": duration, "generate_audio": audio}
    film.run(job(tmp_path, arguments, start_image_url=room()))
    text = described(tmp_path / "output.mp4")
    assert f"Duration: 00:00:{int(duration):02}.00" in text
    assert ("Audio: aac" in text and "48000 Hz, stereo" in text) is audio
    assert ("Audio:" in text) is audio
    assert len(decoded(tmp_path / "output.mp4", 270, 180)) == 24 * int(duration)


def test_a_clip_starts_with_its_start_image_and_then_moves_evenly(tmp_path: Path) -> None:
    film.run(job(tmp_path, FILM | {"prompt": "pan right"}, start_image_url=room()))
    frames = decoded(tmp_path / "output.mp4", 270, 180)
    start = np.asarray(cv2.resize(room(), (270, 180), interpolation=cv2.INTER_AREA), np.uint8)
    assert likeness(np.ascontiguousarray(frames[0]), start) > 28
    greys = [cv2.cvtColor(f, cv2.COLOR_BGR2GRAY).astype(np.float32) for f in frames[40:80]]
    steps = [cv2.phaseCorrelate(a, b)[0][0] for a, b in pairwise(greys)]
    assert np.median(steps) < -0.05
    assert np.std(steps) < 0.25


@pytest.mark.parametrize(
    ("prompt", "right", "down"),
    [
        ("Camera pans left across the sofa", -1, 0),
        ("slow pan to the right", 1, 0),
        ("tilt up to the ceiling", 0, -1),
        ("tilt down", 0, 1),
        ("smooth dolly forward", 0, 0),
        ("orbit around the table", 1, 0),
        ("pan across the bright, upscale room", 1, 0),
        ("glide through the centre of a bright bedroom with a wooden floor", 0, 0),
    ],
)
def test_the_camera_goes_where_the_prompt_says(prompt: str, right: int, down: int) -> None:
    move = move_for(prompt)
    assert (np.sign(move.right), np.sign(move.down)) == (right, down)
    centre = view(move, 1.0, 400, 300) @ [199.5, 149.5, 1.0] - [199.5, 149.5]
    assert tuple(np.sign(np.round(centre))) == (right, down)


@pytest.mark.parametrize("prompt", ["pan left", "tilt down", "zoom out", "push in", "static"])
def test_the_view_never_leaves_the_picture(prompt: str) -> None:
    for share in np.linspace(0, 1, 25):
        matrix = view(move_for(prompt), float(share), 400, 300)
        corners = matrix @ np.array([[0, 399, 0, 399], [0, 0, 299, 299], [1, 1, 1, 1]])
        assert corners.min() > -0.51
        assert corners[0].max() < 399.51
        assert corners[1].max() < 299.51


@pytest.mark.parametrize("same_scene", [True, False])
def test_a_morph_leads_from_the_start_image_to_the_end_image(
    tmp_path: Path, same_scene: bool
) -> None:
    start = room()
    end = start[20:300, 30:450] if same_scene else np.ascontiguousarray(255 - start[::-1])
    film.run(job(tmp_path, FILM, start_image_url=start, end_image_url=end))
    frames = decoded(tmp_path / "output.mp4", 270, 180)
    first, last = (
        np.asarray(cv2.resize(p, (270, 180), interpolation=cv2.INTER_AREA), np.uint8)
        for p in (start, end)
    )
    assert likeness(np.ascontiguousarray(frames[0]), first) > 28
    assert likeness(np.ascontiguousarray(frames[-1]), last) > 24
    jumps = np.abs(np.diff(frames[:, ::4, ::4].astype(int), axis=0)).mean((1, 2, 3))
    assert jumps.max() < 14


def test_a_portrait_photo_makes_a_portrait_clip_of_even_size(tmp_path: Path) -> None:
    film.run(job(tmp_path, FILM | {"generate_audio": False}, start_image_url=room(301, 421)))
    assert "180x252" in described(tmp_path / "output.mp4")
