"""Camera moves: which part of the start image each frame of a clip shows."""

import re
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Move:
    """A camera's way from the whole picture to a view of it; shifts in shares of free room."""

    zoom_from: float = 1.0
    zoom_to: float = 1.15
    right: float = 0.0
    down: float = 0.0
    roll_degrees: float = 0.0


# Words of a motion prompt → what they do; the first that is found leads.
TRAVELS: list[tuple[str, Move]] = [
    (r"\b(static|locked|fixed) (camera|shot|frame|tripod)", Move(zoom_to=1.03)),
    (r"\b(orbit\w*|arcs?|arcing|circl\w+)\b", Move(zoom_to=1.28, roll_degrees=1.2)),
    (
        r"\b(zoom\w*|pull\w*|doll\w+|track\w*|mov\w+)[ -](\w+ )?(out|back\w*|away)\b",
        Move(zoom_from=1.25, zoom_to=1.0),
    ),
    (r"\b((zoom\w*|push\w*|doll\w+)[ -](\w+ )?in|closer)\b", Move(zoom_to=1.3)),
    (
        r"\b(forwards?|walk\w*|glid\w+|fly\w*|enter\w*|doll(y|ies)|advanc\w+|through)\b",
        Move(zoom_to=1.25),
    ),
    (
        r"\b(pan|pans|panning|tilt\w*|slid\w+|track\w*|truck\w*|crane\w*|pedestal|sweep\w*)\b",
        Move(zoom_to=1.18),
    ),
    (r"\b(static|still|locked|fixed|subtle|minimal)\b", Move(zoom_to=1.03)),
]
SIDES: list[tuple[str, tuple[float, float]]] = [
    (r"\bleft to right\b", (1.0, 0.0)),
    (r"\bright to left\b|\bcounter-?clockwise\b", (-1.0, 0.0)),
    (r"\bleft(wards?)?\b", (-1.0, 0.0)),
    (r"\b(right(wards?)?|clockwise)\b", (1.0, 0.0)),
    (r"\b(up|upwards?|ris(e|es|ing))\b", (0.0, -1.0)),
    (r"\b(down|downwards?|lower(s|ing)|descend\w*)\b", (0.0, 1.0)),
]


def move_for(prompt: str) -> Move:
    """The move a motion prompt asks for; a slow push in when it asks for none we know."""
    text = prompt.lower()
    move = next((move for words, move in TRAVELS if re.search(words, text)), Move())
    right, down = next((side for words, side in SIDES if re.search(words, text)), (0.0, 0.0))
    if move.zoom_to <= 1.05:
        return move
    if not down and re.search(r"\b(orbit|arc|circl|pan\b|pans\b|panning\b)", text):
        right = right or 1.0
    if move.roll_degrees:
        return replace(move, right=0.8 * right, roll_degrees=move.roll_degrees * right)
    return replace(move, right=0.9 * right, down=0.9 * down)


def eased(share: float) -> float:
    """Slow at both ends, steady between: a share of time → a share of the way."""
    ramp = 0.15
    top = 1 / (1 - ramp)
    if share < ramp:
        return top * share * share / (2 * ramp)
    if share > 1 - ramp:
        return 1 - top * (1 - share) ** 2 / (2 * ramp)
    return top * (share - ramp / 2)


def view(move: Move, share: float, width: int, height: int) -> Matrix:
    """Output pixel → source pixel (2 × 3) at a share 0…1 of the clip's time.

    Both pictures are width × height; the view never leaves the picture, apart from what a roll
    adds in the corners.
    """
    way = eased(share)
    zoom = move.zoom_from + (move.zoom_to - move.zoom_from) * way
    angle = np.radians(move.roll_degrees * way)
    room_x, room_y = (width - width / zoom) / 2, (height - height / zoom) / 2
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    target = centre + np.array([move.right * room_x, move.down * room_y]) * way
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    return np.hstack([turn, (target - turn @ centre)[:, None]])
