"""Everything imaging remembers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    MetaData,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

OPEN_STATES = ("submitting", "submitted", "unknown")
ANSWERED_STATES = ("answered", "succeeded")


def one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def states(*values: str) -> Any:
    return text("state IN (" + ", ".join(f"'{value}'" for value in values) + ")")


class Base(DeclarativeBase):
    """The service's own tables."""

    metadata = MetaData(naming_convention={"ck": "%(table_name)s_%(constraint_name)s"})
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 SQLAlchemy's own form


class Owned:
    """What every row has: its workspace, its id, and when it was made."""

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Project(Owned, Base):
    """Photos that are paid for and enhanced together; a deleted one stays as a tombstone."""

    __tablename__ = "project"
    __table_args__ = (
        one_of("status", "pending", "processing", "completed", "failed"),
        CheckConstraint(
            "image_count >= 0 AND completed_count >= 0 AND failed_count >= 0"
            " AND completed_count + failed_count <= image_count",
            name="counts",
        ),
        Index("project_member", "workspace_id", "member_id"),
    )

    member_id: Mapped[UUID]
    name: Mapped[str]
    style_template_id: Mapped[str]
    room_type: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="pending")
    image_count: Mapped[int] = mapped_column(default=0)
    completed_count: Mapped[int] = mapped_column(default=0)
    failed_count: Mapped[int] = mapped_column(default=0)
    thumbnail_key: Mapped[str | None]
    payment_id: Mapped[UUID | None]
    paid_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ImageVersion(Owned, Base):
    """One version of an image; the image's own id is the `root_id` of all its versions."""

    __tablename__ = "image_generation"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "project_id"], ["project.workspace_id", "project.id"]
        ),
        ForeignKeyConstraint(
            ["workspace_id", "parent_id"], ["image_generation.workspace_id", "image_generation.id"]
        ),
        one_of("status", "pending", "processing", "completed", "failed"),
        one_of("kind", "enhance", "restyle", "inpaint_remove", "inpaint_add"),
        CheckConstraint("version >= 1 AND (version = 1) = (parent_id IS NULL)", name="first"),
        CheckConstraint("status = 'pending' OR prompt IS NOT NULL", name="prompt_kept"),
        CheckConstraint("(status = 'completed') = (result_key IS NOT NULL)", name="result"),
        CheckConstraint("(status = 'failed') = (reason IS NOT NULL)", name="reason"),
        CheckConstraint("cost_micro_usd >= 0", name="cost"),
        Index("image_generation_version", "workspace_id", "root_id", "version", unique=True),
        Index("image_generation_project", "workspace_id", "project_id", "position"),
        Index(
            "image_generation_open", "deadline_at", postgresql_where=text("status = 'processing'")
        ),
    )

    project_id: Mapped[UUID]
    member_id: Mapped[UUID]
    root_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(default="enhance")
    position: Mapped[int]
    """The image's place in its project, from 1."""
    file_name: Mapped[str]
    room_type: Mapped[str | None]
    original_key: Mapped[str]
    original_sha256: Mapped[str]
    original_size_bytes: Mapped[int]
    original_width: Mapped[int]
    original_height: Mapped[int]
    style_template_id: Mapped[str | None]
    prompt: Mapped[str | None]
    """As it was when the version started; a template changed later does not touch it."""
    status: Mapped[str] = mapped_column(default="pending")
    reason: Mapped[str | None]
    result_key: Mapped[str | None]
    result_sha256: Mapped[str | None]
    result_size_bytes: Mapped[int | None]
    result_width: Mapped[int | None]
    result_height: Mapped[int | None]
    model: Mapped[str | None]
    fal_request_id: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    cost_micro_usd: Mapped[int] = mapped_column(BigInteger, default=0)
    started_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime | None]
    noted_at: Mapped[datetime | None]
    """When we last told ourselves to submit it."""
    retry_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Attempt(Owned, Base):
    """One submission to the model: the intent is written before the call, the outcome after."""

    __tablename__ = "attempt"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "version_id"], ["image_generation.workspace_id", "image_generation.id"]
        ),
        one_of(
            "state",
            *OPEN_STATES,
            "answered",
            "succeeded",
            "failed",
            "refused",
            "abandoned",
            "cancelled",
            "discarded",
        ),
        CheckConstraint("state <> 'submitted' OR request_id IS NOT NULL", name="request"),
        CheckConstraint("cost_micro_usd >= 0", name="cost"),
        Index("attempt_number", "workspace_id", "version_id", "number", unique=True),
        Index("attempt_request", "request_id", unique=True),
        Index("attempt_id", "id", unique=True),
        Index(
            "attempt_one_open",
            "workspace_id",
            "version_id",
            unique=True,
            postgresql_where=states(*OPEN_STATES),
        ),
        Index(
            "attempt_one_answered",
            "workspace_id",
            "version_id",
            unique=True,
            postgresql_where=states(*ANSWERED_STATES),
        ),
        Index("attempt_due", "changed_at", postgresql_where=states(*OPEN_STATES, "answered")),
    )

    version_id: Mapped[UUID]
    number: Mapped[int]
    state: Mapped[str] = mapped_column(default="submitting")
    model: Mapped[str]
    request_id: Mapped[str | None]
    reason: Mapped[str | None]
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    cost_micro_usd: Mapped[int] = mapped_column(BigInteger, default=0)
    submitted_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Upload(Owned, Base):
    """A signed permission to put one file, and what became of it."""

    __tablename__ = "upload"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "project_id"], ["project.workspace_id", "project.id"]
        ),
        one_of("status", "open", "checking", "confirmed", "refused", "expired"),
        CheckConstraint("size_bytes > 0", name="size"),
        Index("upload_image", "workspace_id", "image_id", unique=True),
        Index("upload_project", "workspace_id", "project_id"),
        Index("upload_unerased", "created_at", postgresql_where=text("erased_at IS NULL")),
    )

    project_id: Mapped[UUID]
    member_id: Mapped[UUID]
    image_id: Mapped[UUID]
    """Chosen beforehand, so that a crash leaves no file without a row."""
    key: Mapped[str]
    file_name: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[int]
    room_type: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="open")
    reason: Mapped[str | None]
    expires_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]


class StyleTemplate(Owned, Base):
    """A workspace's own style; built-in ones are code."""

    __tablename__ = "style_template"
    __table_args__ = (
        one_of("category", "staging", "lighting", "exterior", "atmosphere"),
        Index("style_template_name", "workspace_id", text("lower(name)"), unique=True),
    )

    member_id: Mapped[UUID]
    name: Mapped[str]
    description: Mapped[str]
    category: Mapped[str]
    prompt: Mapped[str]
