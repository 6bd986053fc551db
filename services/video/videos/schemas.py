"""Bodies that cross HTTP about videos; costs in US cents, durations in seconds."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt

from chassis.bodies import Body
from contracts.video import AspectRatio
from services.video.tables import VideoProject
from services.video.videos.rules import describe


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character is not text")
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Description = Annotated[Text, Field(max_length=2000)]
TrackId = Annotated[Text, Field(max_length=60)]
Volume = Annotated[StrictInt, Field(ge=0, le=100)]


def _distinct(ratios: list[AspectRatio]) -> list[AspectRatio]:
    return list(dict.fromkeys(ratios))


AspectRatios = Annotated[
    list[AspectRatio], Field(min_length=1, max_length=3), AfterValidator(_distinct)
]


class CreateVideo(Body):
    """A tour video to draft."""

    name: Name
    description: Description | None = None
    aspect_ratios: AspectRatios = Field(default=["16:9"])
    music_track_id: TrackId | None = None
    music_volume: Volume = 50
    generate_native_audio: StrictBool = True


class ChangeVideo(Body):
    """What to change; a field that is not named stays as it is."""

    name: Name = ""
    description: Description | None = None
    aspect_ratios: AspectRatios = Field(default=["16:9"])
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
    progress: ProgressView
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @classmethod
    def of(cls, video: VideoProject) -> Self:
        fields = {name: getattr(video, name) for name in cls.model_fields if name != "progress"}
        return cls(**fields, progress=ProgressView.model_validate(describe(video)))


class VideoPage(BaseModel):
    """Newest first."""

    items: list[VideoView]
    next_cursor: str | None


class DownloadFile(BaseModel):
    """One finished file behind a URL that expires."""

    aspect_ratio: AspectRatio
    url: str
    width: int
    height: int
    duration_seconds: float
    size_bytes: int
    sha256: str


class Download(BaseModel):
    """A finished film, its pictures and whom to thank for the music."""

    files: list[DownloadFile]
    poster_url: str
    thumbnail_url: str
    attribution: str | None
