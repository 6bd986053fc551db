"""What a caller says and sees of styles, room types and limits."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from chassis.bodies import Body
from services.imaging.catalogue import RoomType

Category = Literal["staging", "lighting", "exterior", "atmosphere"]
NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"
# Spaces are stripped before the length is looked at; the published schema must say so too.
NOT_BLANK = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NOT_BLANK),
]
Words = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=2000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"
    ),
]


class CreateStyleTemplate(Body):
    """A style of the workspace's own."""

    name: Name
    description: Name
    category: Category
    prompt: Words


class StyleTemplateView(BaseModel):
    """A style; `prompt` is shown for the workspace's own only."""

    id: str
    name: str
    description: str
    category: Category
    coming_soon: bool
    is_private: bool
    prompt: str | None = None


class StyleTemplatePage(BaseModel):
    """All styles the workspace may use, built-in ones first."""

    items: list[StyleTemplateView]
    next_cursor: str | None = None


class RoomTypeView(BaseModel):
    """A room type as a form shows it."""

    model_config = ConfigDict(from_attributes=True)

    id: RoomType
    label: str
    icon: str
    description: str


class RoomTypePage(BaseModel):
    """All room types."""

    items: list[RoomTypeView]
    next_cursor: str | None = None


class LimitsView(BaseModel):
    """What the caller's plan allows; None is unlimited."""

    plan: str
    projects: int | None
    images_per_project: int
    image_max_bytes: int
    image_max_pixels: int
    image_content_types: list[str]
    result_max_long_side: int
    upload_lasts_seconds: int
    retry_days: int
