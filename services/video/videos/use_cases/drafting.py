"""Verbs: draft a video, and change it or its finished film."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.caller import Caller
from contracts.video import VideoCreated
from services.video.branding import repository as branding
from services.video.clips import repository as clips_repository
from services.video.errors import UnknownMusicTrack, VideoNotEditable
from services.video.music import repository as music
from services.video.tables import VideoProject
from services.video.videos import repository, rules
from services.video.videos.schemas import ChangeVideo, CreateVideo
from services.video.videos.use_cases.advancing import advance
from services.video.videos.use_cases.former import keep_former

ALWAYS_CHANGEABLE = {"name", "description"}
JOINED_FROM = {"music_track_id", "music_volume", "brandings", "aspect_ratios"}
FREE_AFTER_START = ALWAYS_CHANGEABLE | JOINED_FROM
"""What costs nothing: a finished film is only joined again."""


async def create_video(
    session: AsyncSession, caller: Caller, body: CreateVideo, render_height: int
) -> VideoProject:
    rules.check_may_create(caller)
    await _check_music(session, body.music_track_id)
    await _check_brandings(session, caller, body.brandings)
    video = VideoProject(
        workspace_id=caller.workspace_id,
        member_id=caller.member_id,
        render_height=render_height,
        **body.model_dump(),
    )
    session.add(video)
    await session.flush()
    await emit(
        session,
        VideoCreated(
            workspace_id=caller.workspace_id,
            video_id=video.id,
            member_id=caller.member_id,
            name=video.name,
        ),
    )
    return video


async def change_video(
    session: AsyncSession, caller: Caller, video_id: UUID, body: ChangeVideo
) -> VideoProject:
    video = await repository.lock_video(session, caller.workspace_id, video_id)
    rules.check_may_change(caller, video)
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    allowed = set(changes) if video.status == "draft" else FREE_AFTER_START
    if not set(changes) <= allowed or (video.status == "failed" and changes):
        raise VideoNotEditable
    await _check_music(session, changes.get("music_track_id"))
    await _check_brandings(session, caller, changes.get("brandings", ()))
    is_joined_again = video.status == "completed" and set(changes) & JOINED_FROM
    if is_joined_again:
        keep_former(video, await clips_repository.list_clips(session, video.workspace_id, video.id))
    for name, value in changes.items():
        setattr(video, name, value)
    if is_joined_again:
        video.status = "compiling"
    await session.flush()
    await advance(session, video)
    await session.flush()
    await session.refresh(video)
    return video


async def _check_music(session: AsyncSession, track_id: str | None) -> None:
    if track_id is not None:
        track = await music.find_track(session, track_id)
        if track is None or not track.is_active:
            raise UnknownMusicTrack


async def _check_brandings(session: AsyncSession, caller: Caller, brandings: Sequence[str]) -> None:
    card = await branding.find_card(session, caller.workspace_id)
    rules.check_brandings(caller, brandings, has_card=card is not None)
