"""Bodies that cross HTTP about clips; durations in seconds."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from chassis.bodies import NOT_TEXT, Body
from contracts.video import AspectRatio
from services.video.clips.rules import RoomType
from services.video.videos.schemas import Text

Label = Annotated[Text, Field(max_length=100)]
MotionPrompt = Annotated[Text, Field(min_length=1, max_length=1000)]
Transition = Literal["cut", "seamless"]
Seconds = Literal[5, 10]
Version = Annotated[int, Field(ge=0, le=10_000), NOT_TEXT]
"""Of an image: 0 is the photo as uploaded; none is the newest."""


class AddClip(Body):
    """A clip from a version of a photo; without a room type the photo's own."""

    image_id: UUID
    image_version: Version | None = None
    end_image_id: UUID | None = None
    end_image_version: Version | None = None
    room_type: RoomType | None = None
    room_label: Label | None = None
    motion_prompt: MotionPrompt | None = None
    transition_type: Transition = "cut"
    duration_seconds: Seconds = 5


class ChangeClip(Body):
    """What to change; a field that is not named stays as it is."""

    image_id: UUID = UUID(int=0)
    image_version: Version | None = None
    end_image_id: UUID | None = None
    end_image_version: Version | None = None
    room_type: RoomType = "other"
    room_label: Label | None = None
    motion_prompt: MotionPrompt | None = None
    transition_type: Transition = "cut"
    duration_seconds: Seconds = 5


class ClipOrder(Body):
    """Every clip of the video, in the order to play."""

    clip_ids: Annotated[list[UUID], Field(max_length=20)]


TemplateId = Literal["classic-tour", "highlights", "apartment", "social-reel", "before-after"]


class FillTemplate(Body):
    """One photo for each clip of a template, in any order; one may be named twice."""

    template_id: TemplateId
    image_ids: Annotated[list[UUID], Field(min_length=2, max_length=20)]


class SlotView(BaseModel):
    """One clip of a template and the rooms that suit it, best first."""

    model_config = ConfigDict(from_attributes=True)

    label: str
    rooms: tuple[RoomType, ...]
    motion_prompt: str | None
    seconds: Seconds
    transition: Transition
    shows_original: bool


class TemplateView(BaseModel):
    """A film to be filled with photos."""

    model_config = ConfigDict(from_attributes=True)

    id: TemplateId
    name: str
    aspect_ratio: AspectRatio
    slots: tuple[SlotView, ...]


class TemplateList(BaseModel):
    """Every template of the wizard."""

    items: list[TemplateView]


class ClipView(BaseModel):
    """A clip as its workspace sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    video_id: UUID
    image_id: UUID
    image_version: int | None
    end_image_id: UUID | None
    end_image_version: int | None
    room_type: RoomType
    room_label: str | None
    sequence_order: int
    motion_prompt: str | None
    duration_seconds: int
    status: str
    failure_reason: str | None
    is_ken_burns: bool
    transition_type: Transition
    transition_status: str
    transition_failure_reason: str | None
    created_at: datetime


class ClipList(BaseModel):
    """In the order they play."""

    items: list[ClipView]
