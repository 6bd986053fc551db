"""What a caller says and sees of an image."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from chassis.bodies import Body
from services.imaging.catalogue import RoomType
from services.imaging.images import rules
from services.imaging.projects.schemas import Progress
from services.imaging.tables import ImageVersion

MICRO = Decimal(1_000_000)
SAME = (
    "project_id",
    "version",
    "parent_id",
    "kind",
    "position",
    "file_name",
    "room_type",
    "style_template_id",
    "status",
    "created_at",
    "updated_at",
)
"""Fields a view and its row share by name."""


class ChangeImage(Body):
    """Only before the project starts."""

    room_type: RoomType | None


class Size(BaseModel):
    """In pixels."""

    width: int
    height: int


class Failure(BaseModel):
    """A stable code, and a sentence for people."""

    code: str
    message: str


class ImageMetadata(BaseModel):
    """What was done to a version and what it cost us."""

    fal_request_id: str | None
    processing_time_seconds: float | None
    model: str | None
    original_size: Size
    enhanced_size: Size | None
    cost_usd: Decimal
    attempts: int
    prompt: str | None


class ImageView(BaseModel):
    """An image by its newest version; `id` stays the same through all versions."""

    id: UUID
    project_id: UUID
    version: int
    version_id: UUID
    parent_id: UUID | None
    kind: str
    position: int
    file_name: str
    room_type: RoomType | None
    style_template_id: str | None
    status: Literal["pending", "processing", "completed", "failed"]
    error: Failure | None
    progress: Progress
    width: int
    height: int
    size_bytes: int
    sha256: str
    metadata: ImageMetadata
    created_at: datetime
    updated_at: datetime


class ImageDetail(ImageView):
    """With every version, newest first."""

    versions: list[ImageView]


class ImagePage(BaseModel):
    """In the project's order."""

    items: list[ImageView]
    next_cursor: str | None


class Download(BaseModel):
    """A signed URL; whoever has it may read the file until it expires."""

    url: str
    expires_at: datetime


def view_of(image: ImageVersion) -> ImageView:
    step, label, progress = rules.step_of(image.status)
    message = rules.message_of(image.reason)
    return ImageView(
        **{name: getattr(image, name) for name in SAME},
        id=image.root_id,
        version_id=image.id,
        error=Failure(code=image.reason, message=message) if image.reason and message else None,
        progress=Progress(step=step, label=label, progress=progress),
        width=image.original_width,
        height=image.original_height,
        size_bytes=image.original_size_bytes,
        sha256=image.original_sha256,
        metadata=_metadata_of(image),
    )


def _metadata_of(image: ImageVersion) -> ImageMetadata:
    enhanced = None
    if image.result_width is not None and image.result_height is not None:
        enhanced = Size(width=image.result_width, height=image.result_height)
    return ImageMetadata(
        fal_request_id=image.fal_request_id,
        processing_time_seconds=rules.seconds_between(image.started_at, image.finished_at),
        model=image.model,
        original_size=Size(width=image.original_width, height=image.original_height),
        enhanced_size=enhanced,
        cost_usd=Decimal(image.cost_micro_usd) / MICRO,
        attempts=image.attempts,
        prompt=image.prompt,
    )
