"""Read and write pictures as OpenCV arrays (height × width × 3, BGR, 8 bit)."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
ENCODINGS: dict[str, tuple[str, list[int]]] = {
    "jpeg": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 92]),
    "png": (".png", [cv2.IMWRITE_PNG_COMPRESSION, 2]),
    "webp": (".webp", [cv2.IMWRITE_WEBP_QUALITY, 90]),
}


@dataclass
class Job:
    """One run of a model: its checked arguments, its downloaded inputs, where outputs go."""

    arguments: dict[str, Any]
    inputs: dict[str, Path]
    folder: Path
    ffmpeg: Path
    max_short_side: int
    max_long_side: int = 4096

    @property
    def prompt(self) -> str:
        return str(self.arguments["prompt"]).lower()


class BadInput(Exception):
    """The model cannot work with this input; becomes fal's 422 with one detail."""

    def __init__(self, field: str, message: str, kind: str) -> None:
        super().__init__(message)
        loc = [int(part) if part.isdigit() else part for part in field.split(".")]
        self.detail = {"loc": ["body", *loc], "msg": message, "type": kind}


def picture_at(value: Any) -> Picture:
    """What OpenCV returned, as 8-bit pixels; no copy when it already is."""
    return np.asarray(value, dtype=np.uint8)


def read_picture(job: Job, field: str, flags: int = cv2.IMREAD_COLOR) -> Picture:
    """The upright picture of one input field; raises BadInput when it does not decode."""
    pixels = None
    # OpenCV raises for more pixels than it was allowed, and only answers None for the rest.
    with contextlib.suppress(cv2.error):
        pixels = cv2.imread(str(job.inputs[field]), flags)
    if pixels is None:
        raise BadInput(field, "Could not load the image.", "image_load_error")
    return picture_at(pixels)


def write_picture(job: Job, name: str, picture: Picture, encoding: str) -> dict[str, Any]:
    """Store one output in the job's folder; answers what fal says about a file, less its URL."""
    suffix, options = ENCODINGS[encoding]
    path = job.folder / f"{name}{suffix}"
    if not cv2.imwrite(str(path), picture, options):
        raise OSError(f"could not write {path.name}")
    height, width = picture.shape[:2]
    return {
        "file_name": path.name,
        "content_type": f"image/{encoding}",
        "width": width,
        "height": height,
    }


def cover(picture: Picture, width: int, height: int) -> Picture:
    """Scale and centre-crop so that the picture fills exactly width × height pixels."""
    have_height, have_width = picture.shape[:2]
    scale = max(width / have_width, height / have_height)
    size = max(width, round(have_width * scale)), max(height, round(have_height * scale))
    if size != (have_width, have_height):
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        picture = picture_at(cv2.resize(picture, size, interpolation=how))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return picture[top : top + height, left : left + width]
