"""Find how far a photo of a room leans, and put its verticals upright."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from local.vendors.fal.models.pictures import Picture, picture_at

Numbers = npt.NDArray[np.float64]
LOOK_AT_PIXELS = 800
MOST_DEGREES = 6.0
LEAST_DEGREES = 0.15


def lean_of(picture: Picture) -> float:
    """Degrees the verticals lean clockwise (the camera's roll); 0 when too few lines agree."""
    height, width = picture.shape[:2]
    scale = min(1.0, LOOK_AT_PIXELS / max(height, width))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    found = cv2.createLineSegmentDetector().detect(grey)[0]
    if found is None:
        return 0.0
    x1, y1, x2, y2 = np.asarray(found, dtype=np.float64).reshape(-1, 4).T
    length = np.hypot(x2 - x1, y2 - y1)
    down = np.where(y2 >= y1, 1.0, -1.0)
    lean = np.degrees(np.arctan2(-(x2 - x1) * down, np.abs(y2 - y1)))
    upright = (np.abs(lean) < 2 * MOST_DEGREES) & (length > 0.06 * min(grey.shape))
    if length[upright].sum() < 0.5 * min(grey.shape):
        return 0.0
    across = ((x1 + x2) / grey.shape[1] - 1)[upright]
    roll = _agreed(across, lean[upright], length[upright])
    return roll if LEAST_DEGREES <= abs(roll) <= MOST_DEGREES else 0.0


def _agreed(across: Numbers, lean: Numbers, length: Numbers) -> float:
    """The lean in the middle of the picture that most line length agrees on.

    A camera pitched up or down makes verticals lean in proportion to their place across
    (−1…1), so a straight line is fitted through the leans, outliers counting ever less.
    """
    columns = np.stack([np.ones_like(across), across], axis=1)
    order = np.argsort(lean)
    middle = np.searchsorted(np.cumsum(length[order]), length.sum() / 2)
    fit = np.array([lean[order][middle], 0.0])
    for reach in (8.0, 5.0, 3.0, 2.0, 1.5, 1.0, 1.0, 1.0):
        weight = length / (1 + ((lean - columns @ fit) / reach) ** 2) ** 2
        # A few degrees of prior keep one lone line at the side from inventing a convergence.
        normal = (columns.T * weight) @ columns + np.diag([0.0, 0.03 * weight.sum()])
        fit = np.linalg.solve(normal, (columns.T * weight) @ lean)
    return float(fit[0])


def straightened(picture: Picture, width: int, height: int) -> Picture:
    """The picture upright, at width × height (its own aspect ratio), cropped free of corners."""
    have_height, have_width = picture.shape[:2]
    if width < have_width:
        picture = picture_at(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
        have_height, have_width = height, width
    lean = lean_of(picture)
    if not lean:
        return picture_at(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC))
    radians = math.radians(abs(lean))
    ratio = max(width / height, height / width)
    zoom = math.cos(radians) + ratio * math.sin(radians)
    centre = ((have_width - 1) / 2, (have_height - 1) / 2)
    turn = cv2.getRotationMatrix2D(centre, lean, zoom * width / have_width)
    turn[0, 2] += (width - 1) / 2 - centre[0]
    turn[1, 2] += (height - 1) / 2 - centre[1]
    return picture_at(
        cv2.warpAffine(
            picture, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    )
