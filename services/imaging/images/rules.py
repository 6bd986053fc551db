"""Decisions about an image version and its attempts; no I/O."""

from datetime import datetime, timedelta
from typing import Literal

Status = Literal["pending", "processing", "completed", "failed"]

TRANSITIONS: dict[str, frozenset[str]] = {
    "pending": frozenset({"processing"}),
    "processing": frozenset({"completed", "failed"}),
    "completed": frozenset(),
    "failed": frozenset(),
}

MESSAGES = {
    "content_refused": "The model refused this picture's content.",
    "provider_refused": "The model cannot work on this picture.",
    "provider_unavailable": "The model could not be reached.",
    "provider_failed": "The model failed on this picture.",
    "provider_lost_request": "The model lost this picture.",
    "deadline_exceeded": "The model did not answer in time.",
    "project_deleted": "The project was deleted.",
}
RESULT_MESSAGE = "The model's answer could not be used."


def can_become(status: str, wanted: str) -> bool:
    """Completed and failed never change again."""
    return wanted in TRANSITIONS[status]


def message_of(reason: str | None) -> str | None:
    """The reason in words for a person."""
    if reason is None:
        return None
    return MESSAGES.get(reason, RESULT_MESSAGE)


def keeps_aspect(original: tuple[int, int], result: tuple[int, int]) -> bool:
    """Width to height within one per cent, plus the rounding of one pixel."""
    wanted = original[0] / original[1]
    found = result[0] / result[1]
    rounding = 1 / min(result)
    return abs(found / wanted - 1) <= 0.01 + rounding


def result_reason(reason: str) -> str:
    """The decoder's reason, said of a result rather than of an upload."""
    return f"result_{reason.removeprefix('image_')}" if reason.startswith("image_") else reason


def seconds_between(began: datetime | None, ended: datetime | None) -> float | None:
    if began is None or ended is None:
        return None
    return round((ended - began) / timedelta(seconds=1), 3)


def file_name_of(room_type: str | None, position: int, variant: str) -> str:
    """For the browser: from room and order, never from what a user typed."""
    suffix = "-original" if variant == "original" else ""
    return f"{position:02d}-{room_type or 'photo'}{suffix}.jpg"


STEPS = {
    "pending": ("waiting", "Waiting to start…", 0),
    "processing": ("processing", "Enhancing image…", 50),
    "completed": ("completed", "Enhanced", 100),
    "failed": ("failed", "Failed", 100),
}


def step_of(status: str) -> tuple[str, str, int]:
    """Step, label and per cent, in the seeds' words."""
    return STEPS[status]
