"""Every table of the video service: all it remembers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from services.video.rows import Base, Leased, Row, of_video, one_of
from services.video.states import (
    ASPECT_RATIOS,
    ATTEMPT_STATUSES,
    CLIP_STATUSES,
    OPEN_ATTEMPTS,
    TRANSITION_STATUSES,
    UNIT_STATUSES,
    VIDEO_STATUSES,
)


class OfferedImage(Base):
    """A version of a photo of imaging that clips may be made from; 0 is the photo as uploaded."""

    __tablename__ = "offered_image"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    image_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    result_key: Mapped[str]
    room_type: Mapped[str | None]
    width: Mapped[int]
    height: Mapped[int]
    offered_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Brand(Base):
    """The picture that ends a workspace's branded films, and since when it is its own."""

    __tablename__ = "brand"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    card_key: Mapped[str | None]
    card_sha256: Mapped[str | None]
    branded_at: Mapped[datetime]


class VideoProject(Row, Base):
    """One tour video; costs in US cents, durations in seconds."""

    __tablename__ = "video_project"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        one_of("status", VIDEO_STATUSES),
        CheckConstraint("music_volume BETWEEN 0 AND 100", name="music_volume_percent"),
        CheckConstraint("estimated_cost >= actual_cost", name="estimate_not_below_actual"),
        CheckConstraint(
            "cardinality(aspect_ratios) BETWEEN 1 AND 3"
            " AND aspect_ratios <@ ARRAY['16:9','9:16','1:1']",
            name="aspect_ratios_known",
        ),
        CheckConstraint(
            "cardinality(brandings) BETWEEN 1 AND 2 AND brandings <@ ARRAY['unbranded','branded']",
            name="brandings_known",
        ),
        Index("video_project_open", "status", postgresql_where=text("deleted_at IS NULL")),
    )

    member_id: Mapped[UUID]
    name: Mapped[str]
    description: Mapped[str | None]
    aspect_ratios: Mapped[list[str]] = mapped_column(ARRAY(Text))
    brandings: Mapped[list[str]] = mapped_column(
        ARRAY(Text), default=["unbranded"], server_default=text("'{unbranded}'")
    )
    music_track_id: Mapped[str | None]
    music_volume: Mapped[int] = mapped_column(default=50)
    generate_native_audio: Mapped[bool] = mapped_column(default=True)
    status: Mapped[str] = mapped_column(default="draft")
    failure_reason: Mapped[str | None]
    payment_id: Mapped[UUID | None]
    clip_count: Mapped[int] = mapped_column(default=0)
    completed_clip_count: Mapped[int] = mapped_column(default=0)
    estimated_cost: Mapped[int] = mapped_column(default=0)
    actual_cost: Mapped[int] = mapped_column(default=0)
    render_height: Mapped[int] = mapped_column(default=1080)
    compilation_id: Mapped[UUID | None]
    """The film it is to become; `film_id` is the one it has."""
    film_id: Mapped[UUID | None]
    former: Mapped[dict[str, Any] | None]
    """What the film was made of, while it is being changed."""
    duration_seconds: Mapped[float | None]
    progress_percent: Mapped[int] = mapped_column(default=0)
    told_progress: Mapped[str | None]
    waiting_since: Mapped[datetime | None]
    """Since when failed clips wait for their owner's choice."""
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class VideoClip(Row, Base):
    """One shot of a video and the transition after it."""

    __tablename__ = "video_clip"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        # Deferred: an order is rewritten row by row and must be dense only at commit.
        UniqueConstraint(
            "workspace_id",
            "video_id",
            "sequence_order",
            name="clip_order_unique",
            deferrable=True,
            initially="DEFERRED",
        ),
        of_video(),
        one_of("status", CLIP_STATUSES),
        one_of("transition_type", ("cut", "seamless")),
        one_of("transition_status", TRANSITION_STATUSES),
        CheckConstraint("duration_seconds IN (5, 10)", name="duration_known"),
        CheckConstraint("sequence_order >= 1", name="order_from_one"),
        CheckConstraint("status <> 'completed' OR clip_key IS NOT NULL", name="completed_has_key"),
    )

    video_id: Mapped[UUID]
    image_id: Mapped[UUID]
    image_version: Mapped[int | None]
    source_key: Mapped[str]
    end_image_id: Mapped[UUID | None]
    end_image_version: Mapped[int | None]
    end_key: Mapped[str | None]
    room_type: Mapped[str]
    room_label: Mapped[str | None]
    sequence_order: Mapped[int]
    motion_prompt: Mapped[str | None]
    duration_seconds: Mapped[int] = mapped_column(default=5)
    status: Mapped[str] = mapped_column(default="pending")
    failure_reason: Mapped[str | None]
    is_ken_burns: Mapped[bool] = mapped_column(default=False)
    clip_key: Mapped[str | None]
    clip_sha256: Mapped[str | None]
    transition_type: Mapped[str] = mapped_column(default="cut")
    transition_status: Mapped[str] = mapped_column(default="none")
    transition_to_id: Mapped[UUID | None]
    """The clip the generated transition leads to."""
    transition_key: Mapped[str | None]
    transition_sha256: Mapped[str | None]
    transition_failure_reason: Mapped[str | None]
    due_at: Mapped[datetime | None]
    """Since when the model owes us something; the deadline and the retries count from here."""
    noted_at: Mapped[datetime | None]
    """When we last told ourselves to submit it."""


class Attempt(Row, Base):
    """One submission to the model: written before it is sent, kept for its cost in US cents."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        of_video(),
        ForeignKeyConstraint(
            ["workspace_id", "clip_id"], ["video_clip.workspace_id", "video_clip.id"]
        ),
        one_of("part", ("clip", "transition")),
        one_of("status", ATTEMPT_STATUSES),
        Index(
            "attempt_open_once",
            "workspace_id",
            "clip_id",
            "part",
            unique=True,
            postgresql_where=text(f"status IN {OPEN_ATTEMPTS}"),
        ),
        Index("attempt_of_video", "workspace_id", "video_id"),
    )

    video_id: Mapped[UUID]
    clip_id: Mapped[UUID]
    part: Mapped[str]
    status: Mapped[str] = mapped_column(default="intended")
    planned_cents: Mapped[int]
    cost_cents: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[int]
    has_audio: Mapped[bool]
    fal_request_id: Mapped[str | None] = mapped_column(unique=True)
    result_url: Mapped[str | None]
    failure_reason: Mapped[str | None]
    counts_as_try: Mapped[bool] = mapped_column(default=True)
    """False when the vendor surely did nothing, so that asking again costs no retry."""
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Segment(Row, Leased, Base):
    """One piece of a film in one size; equal inputs have equal fingerprints."""

    __tablename__ = "segment"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "video_id", "fingerprint", name="segment_rendered_once"),
        of_video(),
        one_of("part", ("clip", "photo", "transition", "card", "seam")),
        one_of("aspect_ratio", ASPECT_RATIOS),
        one_of("status", UNIT_STATUSES),
    )

    video_id: Mapped[UUID]
    clip_id: Mapped[UUID]
    part: Mapped[str]
    aspect_ratio: Mapped[str]
    fingerprint: Mapped[str]
    source_key: Mapped[str]
    next_source_key: Mapped[str | None]
    """Of a seam: the segment it fades into."""
    frames: Mapped[int]
    height: Mapped[int]
    """Pixels of the short side."""
    progress_percent: Mapped[int] = mapped_column(default=0)
    key: Mapped[str | None]
    sound_key: Mapped[str | None]
    size_bytes: Mapped[int | None]
    sha256: Mapped[str | None]


class Compilation(Row, Leased, Base):
    """One film to join from segments and music; the plan is what it is made of."""

    __tablename__ = "compilation"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "video_id", "fingerprint", name="film_compiled_once"),
        of_video(),
        one_of("status", UNIT_STATUSES),
    )

    video_id: Mapped[UUID]
    fingerprint: Mapped[str]
    plan: Mapped[dict[str, Any]]
    poster_key: Mapped[str | None]
    thumbnail_key: Mapped[str | None]
    preview_key: Mapped[str | None]


class Output(Row, Base):
    """One finished file of a compilation."""

    __tablename__ = "output"
    __table_args__ = (
        UniqueConstraint(
            "workspace_id", "compilation_id", "aspect_ratio", "is_branded", name="output_once"
        ),
        ForeignKeyConstraint(
            ["workspace_id", "compilation_id"], ["compilation.workspace_id", "compilation.id"]
        ),
        one_of("aspect_ratio", ASPECT_RATIOS),
    )

    compilation_id: Mapped[UUID]
    aspect_ratio: Mapped[str]
    is_branded: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    key: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int]
    duration_seconds: Mapped[float]
    sha256: Mapped[str]


class MusicTrack(Base):
    """A track of the catalogue, the same for every workspace; beats in milliseconds."""

    __tablename__ = "music_track"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    artist: Mapped[str]
    category: Mapped[str]
    mood: Mapped[str]
    bpm: Mapped[int]
    duration_seconds: Mapped[float]
    beats_ms: Mapped[list[int]] = mapped_column(JSONB)
    loudness_curve: Mapped[list[float]] = mapped_column(JSONB, server_default=text("'[]'"))
    """The K-weighted power of each tenth of a second, so that a film's music is loud as planned."""
    audio_key: Mapped[str]
    preview_key: Mapped[str]
    waveform_key: Mapped[str]
    license_type: Mapped[str]
    attribution: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
