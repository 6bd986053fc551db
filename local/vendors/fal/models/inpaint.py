"""Inpainting (Qwen Image Edit): grow the surroundings into the mask, touch nothing outside it."""

from typing import Any

import cv2
import numpy as np

from local.vendors.fal.models.pictures import (
    BadInput,
    Job,
    Picture,
    picture_at,
    read_picture,
    write_picture,
)

WORK_PIXELS = 512


def run(job: Job) -> list[dict[str, Any]]:
    """One picture of the input's size; raises BadInput when the mask has another size."""
    source = read_picture(job, "image_url")
    mask = read_picture(job, "mask_url", cv2.IMREAD_GRAYSCALE)
    if mask.shape != source.shape[:2]:
        raise BadInput(
            "mask_url",
            "The mask must have the same width and height as the image.",
            "image_size_mismatch",
        )
    picture = inpainted(source, mask)
    return [
        write_picture(job, f"inpaint_{number}", picture, job.arguments["output_format"])
        for number in range(job.arguments["num_images"])
    ]


def inpainted(source: Picture, mask: Picture) -> Picture:
    """The source with the white part of the mask filled; every other pixel is the source's."""
    hole = picture_at(mask > 127)
    if not hole.any():
        return source
    box = _around(hole)
    patch, patch_hole = source[box], hole[box]
    scale = min(1.0, WORK_PIXELS / max(patch_hole.shape))
    small = cv2.resize(patch, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    size = small.shape[1], small.shape[0]
    small_hole = cv2.resize(patch_hole, size, interpolation=cv2.INTER_NEAREST)
    # One pixel wider, so that no colour of what is removed bleeds in from the mask's rim.
    small_hole = cv2.dilate(small_hole, np.ones((3, 3), np.uint8))
    filled = cv2.inpaint(small, small_hole, 5, cv2.INPAINT_TELEA)
    full = cv2.resize(filled, patch_hole.shape[::-1], interpolation=cv2.INTER_CUBIC)
    result = source.copy()
    result[box] = np.where(patch_hole[..., None] > 0, _grained(picture_at(full)), patch)
    return result


def _around(hole: Picture) -> tuple[slice, slice]:
    """The mask's bounding box with a margin to grow from."""
    rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    margin = 24 + max(np.ptp(rows), np.ptp(columns)) // 8
    return (
        slice(max(0, int(rows[0] - margin)), int(rows[-1] + margin + 1)),
        slice(max(0, int(columns[0] - margin)), int(columns[-1] + margin + 1)),
    )


def _grained(picture: Picture) -> Picture:
    """A trace of camera noise, so that the filled part does not look airbrushed."""
    grain = np.random.default_rng(7).normal(0, 1.5, picture.shape[:2])
    return np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)
