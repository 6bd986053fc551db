"""Facts the video service publishes."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.event import Event

AspectRatio = Literal["16:9", "9:16", "1:1"]


class VideoCreated(Event):
    """A tour video is drafted and can be paid for."""

    routing_key = "video.video_created.v1"

    video_id: UUID
    member_id: UUID
    name: str


class VideoStarted(Event):
    """The video is paid for; its clips are on their way to the model."""

    routing_key = "video.video_started.v1"

    video_id: UUID
    clip_count: int


class VideoProgressed(Event):
    """How far a paid video is: a step, words for it and percent; a view needs nothing else."""

    routing_key = "video.video_progressed.v1"

    video_id: UUID
    step: str
    label: str
    progress: int


class ClipGenerated(Event):
    """The model returned a clip and it is stored."""

    routing_key = "video.clip_generated.v1"

    video_id: UUID
    clip_id: UUID
    clip_key: str


class ClipFailed(Event):
    """The model could not make a clip; `reason` is a stable code.

    Once more with `left_out` when its owner decides to do without it. `paid_clip_count` is set
    when its share goes back: how many clips the money was for.
    """

    routing_key = "video.clip_failed.v1"

    video_id: UUID
    clip_id: UUID
    reason: str
    paid_clip_count: Annotated[int, Field(ge=1)] | None = None


class FilmFile(BaseModel):
    """One finished file; size in bytes, duration in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    aspect_ratio: AspectRatio
    key: str
    width: int
    height: int
    size_bytes: int
    duration_seconds: float
    sha256: str


class ClipsCompiled(Event):
    """The film is finished: published once, with every output; branded ones end with a card."""

    routing_key = "video.clips_compiled.v1"

    video_id: UUID
    outputs: tuple[FilmFile, ...]
    branded_outputs: tuple[FilmFile, ...] = ()
    poster_key: str
    thumbnail_key: str


class VideoFailed(Event):
    """There will be no film."""

    routing_key = "video.video_failed.v1"

    video_id: UUID
    reason: str


class VideoDeleted(Event):
    """The video and its files are gone; its accounting stays."""

    routing_key = "video.video_deleted.v1"

    video_id: UUID
