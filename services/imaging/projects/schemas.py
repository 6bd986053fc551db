"""What a caller says and sees of a project."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from chassis.bodies import Body
from services.imaging.catalogue import RoomType
from services.imaging.styles.schemas import Name

StyleTemplateId = Annotated[str, Field(min_length=1, max_length=100)]


class CreateProject(Body):
    """A new photo project."""

    name: Name
    style_template_id: StyleTemplateId
    room_type: RoomType | None = None


class ChangeProject(Body):
    """What is left out stays as it is; style and room type only until the start."""

    name: Name | None = None
    style_template_id: StyleTemplateId | None = None
    room_type: RoomType | None = None


class Progress(BaseModel):
    """Where the work stands; `progress` in per cent."""

    step: str
    label: str
    progress: int


class ProjectView(BaseModel):
    """A photo project; `thumbnail_url` is signed and expires."""

    id: UUID
    workspace_id: UUID
    member_id: UUID
    name: str
    style_template_id: str
    room_type: RoomType | None
    status: Literal["pending", "processing", "completed", "failed"]
    image_count: int
    completed_count: int
    failed_count: int
    progress: Progress
    thumbnail_url: str | None
    paid_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ProjectPage(BaseModel):
    """Newest first."""

    items: list[ProjectView]
    next_cursor: str | None
