"""Bodies that cross HTTP about videos; costs in US cents, durations in seconds."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from chassis.bodies import NOT_TEXT, Body
from contracts.video import AspectRatio
from services.video.states import BRANDINGS
from services.video.tables import VideoProject
from services.video.videos.rules import describe

# PostgreSQL cannot store a NUL.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Description = Annotated[Text, Field(max_length=2000)]
TrackId = Annotated[Text, Field(max_length=60)]
Volume = Annotated[int, Field(ge=0, le=100), NOT_TEXT]


Branding = Literal["unbranded", "branded"]


def _distinct(ratios: list[AspectRatio]) -> list[AspectRatio]:
    return list(dict.fromkeys(ratios))


AspectRatios = Annotated[
    list[AspectRatio], Field(min_length=1, max_length=3), AfterValidator(_distinct)
]


def _in_order(brandings: list[Branding]) -> list[Branding]:
    return sorted(set(brandings), key=BRANDINGS.index)


Brandings = Annotated[list[Branding], Field(min_length=1, max_length=2), AfterValidator(_in_order)]
"""`branded` ends with the workspace's card; both is one generation, and one film more."""


class CreateVideo(Body):
    """A tour video to draft."""

    name: Name
    description: Description | None = None
    aspect_ratios: AspectRatios = Field(default=["16:9"])
    brandings: Brandings = Field(default=["unbranded"])
    music_track_id: TrackId | None = None
    music_volume: Volume = 50
    generate_native_audio: StrictBool = True


class ChangeVideo(Body):
    """What to change; a field that is not named stays as it is."""

    name: Name = ""
    description: Description | None = None
    aspect_ratios: AspectRatios = Field(default=["16:9"])
    brandings: Brandings = Field(default=["unbranded"])
    music_track_id: TrackId | None = None
    music_volume: Volume = 50
    generate_native_audio: StrictBool = True


class ProgressView(BaseModel):
    """How far it is, in percent and in words."""

    model_config = ConfigDict(from_attributes=True)

    step: str
    label: str
    progress: int


class VideoView(BaseModel):
    """A video as its workspace sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    workspace_id: UUID
    member_id: UUID
    name: str
    description: str | None
    aspect_ratios: list[AspectRatio]
    brandings: list[Branding]
    music_track_id: str | None
    music_volume: int
    generate_native_audio: bool
    status: str
    failure_reason: str | None
    clip_count: int
    completed_clip_count: int
    estimated_cost: int
    actual_cost: int
    duration_seconds: float | None
    has_film: bool
    progress: ProgressView
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @classmethod
    def of(cls, video: VideoProject) -> Self:
        derived = ("progress", "has_film")
        fields = {name: getattr(video, name) for name in cls.model_fields if name not in derived}
        progress = ProgressView.model_validate(describe(video))
        return cls(**fields, progress=progress, has_film=video.film_id is not None)


class VideoPage(BaseModel):
    """Newest first."""

    items: list[VideoView]
    next_cursor: str | None


class DownloadFile(BaseModel):
    """One finished file behind a URL that expires."""

    aspect_ratio: AspectRatio
    is_branded: bool
    url: str
    width: int
    height: int
    duration_seconds: float
    size_bytes: int
    sha256: str


class Download(BaseModel):
    """A finished film, its pictures and whom to thank for the music.

    It is not current while a change of the video is being made: then it is the film from before.
    The preview is a small silent run through the film, and may be a moment late.
    """

    is_current: bool

    files: list[DownloadFile]
    poster_url: str
    thumbnail_url: str
    preview_url: str | None
    attribution: str | None
