"""Decides whether a failed generation is asked for again. No I/O."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from services.video.providers.base import Answer
from services.video.tables import Attempt, VideoClip

Part = Literal["clip", "transition"]

MAX_TRIES = 3
"""The first submission and two retries."""
TRANSITIONS: dict[str, frozenset[str]] = {
    "intended": frozenset({"submitted", "unknown", "answered", "failed", "discarded"}),
    "unknown": frozenset({"submitted", "answered", "failed", "discarded"}),
    "submitted": frozenset({"answered", "failed", "discarded"}),
    "answered": frozenset({"succeeded", "failed", "discarded"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "discarded": frozenset(),
}


def can_become(status: str, wanted: str) -> bool:
    return wanted in TRANSITIONS[status]


def may_try_again(
    attempts: Sequence[Attempt], *, since: datetime | None, is_permanent: bool
) -> bool:
    """Whether it is submitted once more by itself; what the owner asked anew counts anew."""
    tries = sum(
        attempt.counts_as_try and (since is None or attempt.created_at >= since)
        for attempt in attempts
    )
    return not is_permanent and tries < MAX_TRIES


def state_of(clip: VideoClip, part: Part) -> str:
    return clip.status if part == "clip" else clip.transition_status


def set_state(clip: VideoClip, part: Part, status: str) -> None:
    if part == "clip":
        clip.status = status
    else:
        clip.transition_status = status


def is_about(attempt: Attempt, answer: Answer) -> bool:
    return not (
        attempt.fal_request_id and answer.request_id and attempt.fal_request_id != answer.request_id
    )


def key_of(attempt: Attempt, digest: str) -> str:
    folder = f"workspaces/{attempt.workspace_id}/videos/{attempt.video_id}/clips"
    return f"{folder}/{attempt.clip_id}/{attempt.part}-{digest}.mp4"


def part_of(attempt: Attempt) -> Part:
    return "clip" if attempt.part == "clip" else "transition"
