"""Photo editing (Nano Banana Pro): upright, lit, neutral, cleaner and crisper, graded by prompt."""

import re
from typing import Any

import cv2
import numpy as np

from local.vendors.fal.models.pictures import (
    Job,
    Picture,
    cover,
    picture_at,
    read_picture,
    write_picture,
)
from local.vendors.fal.models.tilt import straightened

LONG_SIDE = {"1K": 1024, "2K": 2048, "4K": 4096}
BRIGHTNESS = 158.0
# Words of a prompt → shift of lightness, of green–red and of blue–yellow (8-bit LAB).
MOODS: list[tuple[str, tuple[float, float, float]]] = [
    (r"\b(golden hour|sunset|sunrise)\b", (0.0, 5.0, 14.0)),
    (r"\b(evening|twilight|dusk|blue hour|night)\b", (-34.0, 3.0, -10.0)),
    (r"\b(warm|cosy|cozy|autumn)\b", (0.0, 2.0, 7.0)),
    (r"\b(scandinavian|airy|bright|winter)\b", (8.0, 0.0, -2.0)),
]


def run(job: Job) -> list[dict[str, Any]]:
    """One to four pictures with the asked resolution's long side, in the input's proportions."""
    source = read_picture(job, "image_urls.0")
    width, height = _size(source, job)
    upright = straightened(source, width, height)
    if job.arguments["aspect_ratio"] != "auto":
        upright = _cropped(upright, job.arguments["aspect_ratio"])
    outputs = []
    for number in range(job.arguments["num_images"]):
        picture = graded(upright, job.prompt, lift=1.0 - 0.15 * number)
        name = f"photo_{number}"
        outputs.append(write_picture(job, name, picture, job.arguments["output_format"]))
    return outputs


def graded(picture: Picture, prompt: str, lift: float = 1.0) -> Picture:
    """Exposure, white balance, mood, noise and sharpness; same size."""
    lightness, green_red, blue_yellow = cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2LAB))
    brighter, redder, yellower = _mood(prompt)
    light = _lit(picture_at(lightness), BRIGHTNESS + brighter, lift)
    planes = [
        _crisp(light),
        _balanced(picture_at(green_red), redder),
        _balanced(picture_at(blue_yellow), yellower),
    ]
    return picture_at(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_LAB2BGR))


def _size(source: Picture, job: Job) -> tuple[int, int]:
    height, width = source.shape[:2]
    long_side = min(LONG_SIDE[job.arguments["resolution"]], job.max_long_side)
    scale = long_side / max(height, width)
    return max(16, round(width * scale)), max(16, round(height * scale))


def _cropped(picture: Picture, ratio: str) -> Picture:
    across, down = (int(part) for part in ratio.split(":"))
    height, width = picture.shape[:2]
    return cover(picture, min(width, height * across // down), min(height, width * down // across))


def _mood(prompt: str) -> tuple[float, float, float]:
    return next((mood for words, mood in MOODS if re.search(words, prompt)), (0.0, 0.0, 0.0))


def _lit(lightness: Picture, target: float, lift: float) -> Picture:
    """Stretch to the full range, bend the mean to the target, open local contrast a little."""
    counts = np.bincount(lightness[::4, ::4].ravel(), minlength=256)
    share = np.cumsum(counts) / counts.sum()
    black, white = np.searchsorted(share, 0.003), np.searchsorted(share, 0.995)
    stretched = np.clip((np.arange(256) - 0.7 * black) / max(48.0, white - 0.7 * black), 0.0, 1.0)
    wanted, gammas = target / 255, np.linspace(0.42, 1.7, 65)
    means = [float((counts * stretched**gamma).sum() / counts.sum()) for gamma in gammas]
    gamma = gammas[int(np.argmin(np.abs(np.array(means) - wanted)))]
    curve = 255 * stretched ** (1 + (gamma - 1) * lift)
    # The brightest tenth keeps apart: a window must not become a white hole.
    curve = np.where(curve > 226, 226 + (curve - 226) * 0.88, curve)
    toned = cv2.LUT(lightness, curve.astype(np.uint8))
    local = cv2.createCLAHE(clipLimit=1.8, tileGridSize=(8, 8)).apply(toned)
    return picture_at(cv2.addWeighted(toned, 0.6, local, 0.4, 0))


def _balanced(plane: Picture, shift: float) -> Picture:
    """Take most of the colour cast out of a chroma plane (at most 5), then saturate gently."""
    cast = float(np.clip(plane[::4, ::4].mean() - 128, -9, 9)) * 0.55
    curve = 128 + (np.arange(256) - 128 - cast) * 1.12 + shift
    smooth = cv2.GaussianBlur(plane, (5, 5), 0)
    return picture_at(cv2.LUT(smooth, np.clip(curve, 0, 255).astype(np.uint8)))


def _crisp(lightness: Picture) -> Picture:
    """Take out grain below the visible, then sharpen what is left."""
    clean = cv2.bilateralFilter(lightness, 3, 9, 2)
    soft = cv2.GaussianBlur(clean, (0, 0), 1.3)
    return picture_at(cv2.addWeighted(clean, 1.8, soft, -0.8, 0))
