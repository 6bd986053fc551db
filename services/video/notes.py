"""The service's notes to itself: units of work, private and erased once published."""

from typing import Literal
from uuid import UUID

from contracts.event import PrivateEvent

Part = Literal["clip", "transition"]


class SubmissionDue(PrivateEvent):
    """A clip, or the transition after it, must be submitted to the model."""

    routing_key = "video.submission_due.v1"

    video_id: UUID
    clip_id: UUID
    part: Part


class GenerationAnswered(PrivateEvent):
    """The vendor told us the outcome of an attempt."""

    routing_key = "video.generation_answered.v1"

    attempt_id: UUID


class SegmentDue(PrivateEvent):
    """One piece of a film must be rendered in one size."""

    routing_key = "video.segment_due.v1"

    video_id: UUID
    segment_id: UUID


class CompilationDue(PrivateEvent):
    """Every segment lies ready; the film must be joined."""

    routing_key = "video.compilation_due.v1"

    video_id: UUID
    compilation_id: UUID


class ErasureDue(PrivateEvent):
    """A deleted video's files must go."""

    routing_key = "video.erasure_due.v1"

    video_id: UUID
