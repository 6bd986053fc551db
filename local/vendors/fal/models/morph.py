"""A clip from a start image to an end image: one moves into the other's place while they blend."""

import cv2
import numpy as np

from local.vendors.fal.models.camera import Matrix, eased
from local.vendors.fal.models.pictures import Picture

LOOK_AT_PIXELS = 640
ENOUGH_MATCHES = 24


def path_between(start: Picture, end: Picture) -> Matrix | None:
    """Where the start's pixels lie in the end (3 × 3), by features; None for other scenes."""
    height, width = start.shape[:2]
    scale = min(1.0, LOOK_AT_PIXELS / max(height, width))
    found = _similarity(_small(start, scale), _small(end, scale))
    if found is None:
        return None
    shrink = np.diag([scale, scale, 1.0])
    return np.linalg.inv(shrink) @ found @ shrink


def views(path: Matrix | None, share: float, size: tuple[int, int]) -> tuple[Matrix, Matrix, float]:
    """Output → start pixels, output → end pixels (2 × 3 each), and the end's weight, at a time.

    At 0 the start stands as it is with weight 0; at 1 the end does with weight 1. The same scene
    is followed; between two scenes the camera pushes into the first and settles in the second.
    """
    way = eased(share)
    weight = float(np.clip((way - 0.2) / 0.6, 0.0, 1.0))
    weight = weight * weight * (3 - 2 * weight)
    if path is None:
        return _zoom(1 + 0.3 * way, *size), _zoom(1.2 - 0.2 * way, *size), weight
    to_start: Matrix = np.linalg.inv(_partial(path, way)).astype(np.float64)
    return to_start[:2], (path @ to_start)[:2], weight


def _partial(path: Matrix, way: float) -> Matrix:
    """A part of the way: scale grows by powers, angle and shift evenly."""
    scale = float(np.hypot(path[0, 0], path[1, 0])) ** way
    angle = float(np.arctan2(path[1, 0], path[0, 0])) * way
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos, -sin, path[0, 2] * way], [sin, cos, path[1, 2] * way], [0, 0, 1.0]])


def _zoom(factor: float, width: int, height: int) -> Matrix:
    kept = 1 / factor
    x, y = (width - 1) / 2, (height - 1) / 2
    return np.array([[kept, 0, x - kept * x], [0, kept, y - kept * y]])


def _small(picture: Picture, scale: float) -> cv2.typing.MatLike:
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)


def _similarity(start: cv2.typing.MatLike, end: cv2.typing.MatLike) -> Matrix | None:
    """Scale, angle and shift that most features agree on; None when too few do."""
    detector = cv2.ORB.create(1200)
    points_start, marks_start = detector.detectAndCompute(start, None)
    points_end, marks_end = detector.detectAndCompute(end, None)
    if marks_start is None or marks_end is None:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(marks_start, marks_end)
    if len(pairs) < ENOUGH_MATCHES:
        return None
    here = np.array([points_start[pair.queryIdx].pt for pair in pairs])
    there = np.array([points_end[pair.trainIdx].pt for pair in pairs])
    matrix, agree = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=4.0)
    if matrix is None or int(agree.sum()) < max(ENOUGH_MATCHES, len(pairs) // 6):
        return None
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if not 0.6 < scale < 1.7:
        return None
    return np.vstack([matrix, [0, 0, 1.0]])
