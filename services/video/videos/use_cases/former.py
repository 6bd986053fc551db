"""What a finished film was made of, kept while it is changed: a change that fails is taken back."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.video.tables import VideoClip, VideoProject


class FormerClip(BaseModel):
    """A clip as the film shows it."""

    model_config = ConfigDict(from_attributes=True)

    sequence_order: int
    image_id: UUID
    image_version: int | None
    source_key: str
    end_image_id: UUID | None
    end_image_version: int | None
    end_key: str | None
    room_type: str
    motion_prompt: str | None
    duration_seconds: int
    status: str
    failure_reason: str | None
    is_ken_burns: bool
    clip_key: str | None
    clip_sha256: str | None
    transition_status: str
    transition_to_id: UUID | None
    transition_key: str | None
    transition_sha256: str | None
    transition_failure_reason: str | None


class FormerFilm(BaseModel):
    """All of a film that a change may touch."""

    model_config = ConfigDict(from_attributes=True)

    aspect_ratios: list[str]
    brandings: list[str]
    music_track_id: str | None
    music_volume: int
    clips: dict[UUID, FormerClip] = {}


def keep_former(video: VideoProject, clips: Sequence[VideoClip]) -> None:
    """Call it before the first thing is changed; of what has no finished film nothing is kept."""
    if video.status == "completed":
        film = FormerFilm.model_validate(video)
        film.clips = {clip.id: FormerClip.model_validate(clip) for clip in clips}
        video.former = film.model_dump(mode="json")
        video.failure_reason = None


def bring_back(video: VideoProject, clips: Sequence[VideoClip]) -> None:
    """Video and clips are again what the film was made of."""
    if video.former is None:
        return
    film = FormerFilm.model_validate(video.former)
    for name in FormerFilm.model_fields.keys() - {"clips"}:
        setattr(video, name, getattr(film, name))
    for clip in clips:
        for name, value in film.clips[clip.id]:
            setattr(clip, name, value)
    video.former = None
