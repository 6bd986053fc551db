"""Decisions about videos: who may, what it costs, how far it is. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from chassis.errors import Forbidden
from contracts.caller import Caller
from services.video.errors import (
    BrandingNotAllowed,
    BrandMissing,
    EditsUsedUp,
    NothingToUndo,
    VideoNotEditable,
    WorkspaceSuspended,
)
from services.video.states import BEING_MADE
from services.video.tables import Attempt, Segment, VideoClip, VideoProject

Status = Literal["draft", "generating", "compiling", "completed", "failed"]

MIN_CLIPS = 2
MAX_CLIPS = 20
TRANSITION_SECONDS = 5
CENTS_PER_SECOND = 7
CENTS_PER_SECOND_WITH_AUDIO = 14
OPEN = ("generating", "compiling")

TRANSITIONS: dict[str, frozenset[str]] = {
    "draft": frozenset({"generating", "failed"}),
    # To completed again when a change of its film is taken back.
    "generating": frozenset({"compiling", "completed", "failed"}),
    "compiling": frozenset({"completed", "failed"}),
    # A finished film may be joined again, or get another clip in place of one.
    "completed": frozenset({"compiling", "generating"}),
    "failed": frozenset(),
}


def can_become(status: str, wanted: Status) -> bool:
    return wanted in TRANSITIONS[status]


def check_scope(caller: Caller, scope: str) -> None:
    """An API key does only what it was made for; raises Forbidden."""
    if caller.scopes is not None and scope not in caller.scopes:
        raise Forbidden(f"The key lacks the scope {scope}")


def check_may_read(caller: Caller) -> None:
    check_scope(caller, "videos:read")


def check_may_create(caller: Caller) -> None:
    check_scope(caller, "videos:write")
    if caller.workspace_status == "suspended":
        raise WorkspaceSuspended


def check_may_change(caller: Caller, video: VideoProject) -> None:
    """Members edit only their own; owners and administrators edit all."""
    check_may_create(caller)
    if caller.role == "member" and video.member_id != caller.member_id:
        raise Forbidden("This video belongs to another member")


def check_may_delete(caller: Caller) -> None:
    """Never in another's name; raises Forbidden."""
    if caller.impersonator_id is not None:
        raise Forbidden("Nothing is deleted while impersonating")


def check_brandings(caller: Caller, brandings: Sequence[str], *, has_card: bool) -> None:
    """Raises BrandingNotAllowed or BrandMissing."""
    if "branded" in brandings:
        if caller.plan != "enterprise":
            raise BrandingNotAllowed
        if not has_card:
            raise BrandMissing


def check_may_undo(video: VideoProject, clips: Iterable[VideoClip]) -> None:
    """Raises NothingToUndo; VideoNotEditable while the vendor is still at work for the change."""
    if video.former is None or video.waiting_since is None:
        raise NothingToUndo
    if any({clip.status, clip.transition_status} & set(BEING_MADE) for clip in clips):
        raise VideoNotEditable


def check_is_draft(video: VideoProject) -> None:
    if video.status != "draft":
        raise VideoNotEditable("Its clips can only be changed before it is paid for")


def cents_of(seconds: int, with_audio: bool) -> int:
    """What the vendor takes for one clip, in US cents."""
    return seconds * (CENTS_PER_SECOND_WITH_AUDIO if with_audio else CENTS_PER_SECOND)


def has_transition(clip: VideoClip, clips: Sequence[VideoClip]) -> bool:
    """The last clip leads nowhere."""
    return clip.transition_type == "seamless" and clip is not clips[-1]


def planned_cents(clips: Sequence[VideoClip], with_audio: bool) -> int:
    """Clips, their native audio, and silent transitions, before anything was submitted."""
    shots = sum(cents_of(clip.duration_seconds, with_audio) for clip in clips)
    transitions = sum(has_transition(clip, clips) for clip in clips)
    return shots + transitions * cents_of(TRANSITION_SECONDS, False)


def check_may_spend(video: VideoProject, owed: int, cents: int, most_cents: int) -> None:
    """The price is paid once; what its changes cost us is bounded. Raises EditsUsedUp."""
    if video.actual_cost + owed + cents > most_cents:
        raise EditsUsedUp


def owed_cents(clips: Iterable[VideoClip], attempts: Iterable[Attempt], *, with_audio: bool) -> int:
    """What the vendor will take for what it is making, US cents.

    An answer is charged for when it is heard, which is before its file is ours.
    """
    charged = {(one.clip_id, one.part) for one in attempts if one.status == "answered"}
    owed = 0
    for clip in clips:
        if clip.status in BEING_MADE and (clip.id, "clip") not in charged:
            owed += cents_of(clip.duration_seconds, with_audio)
        if clip.transition_status in BEING_MADE and (clip.id, "transition") not in charged:
            owed += cents_of(TRANSITION_SECONDS, False)
    return owed


@dataclass(frozen=True)
class Costs:
    """US cents; the estimate holds what was spent and what may still be."""

    estimated: int
    actual: int


def costs_of(
    clips: Sequence[VideoClip], attempts: Sequence[Attempt], *, with_audio: bool, planned: int
) -> Costs:
    """The estimate never falls below the plan, and never below what retries already cost."""
    actual = sum(attempt.cost_cents for attempt in attempts)
    owed = owed_cents(clips, attempts, with_audio=with_audio)
    return Costs(max(planned, actual + owed), actual)


@dataclass(frozen=True)
class Progress:
    """How far a video is: a step, words for it and percent."""

    step: str
    label: str
    progress: int


def progress_of(clips: Sequence[VideoClip], segments: Sequence[Segment], aspects: int) -> int:
    """Percent while generating: clips count 60, their rendered segments 30."""
    kept = [clip for clip in clips if clip.status != "left_out"]
    parts = [clip.status == "completed" for clip in kept]
    parts += [
        clip.transition_status in ("completed", "cross_fade")
        for clip in kept
        if clip.transition_status != "none"
    ]
    if not parts:
        return 0
    rendered = sum(
        100 if segment.status == "completed" else segment.progress_percent for segment in segments
    )
    wanted = max(1, len(parts) * aspects, len(segments))
    return min(90, round(60 * sum(parts) / len(parts) + 30 * rendered / 100 / wanted))


def describe(video: VideoProject) -> Progress:
    done, count = video.completed_clip_count, video.clip_count
    if video.status == "generating" and video.waiting_since is not None:
        return Progress("choice", "A clip waits for your choice", video.progress_percent)
    words = {
        "draft": ("draft", "Not started", 0),
        "generating": ("generating", f"Generating clips ({done} of {count})", None),
        "compiling": ("compiling", "Putting the film together", 92),
        "completed": ("completed", _of_a_film(video), 100),
        "failed": ("failed", "The film could not be made", 100),
    }
    step, label, percent = words[video.status]
    return Progress(step, label, video.progress_percent if percent is None else percent)


def _of_a_film(video: VideoProject) -> str:
    if video.failure_reason is None:
        return "The film is ready"
    return "Its change could not be made: the film is as it was"
