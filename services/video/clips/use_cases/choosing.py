"""Verbs: what the owner decides about a clip that failed."""

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.caller import Caller
from contracts.video import ClipFailed
from services.video.clips import repository
from services.video.errors import NoChoiceToMake
from services.video.rendering.rules import fingerprint
from services.video.states import BEING_MADE
from services.video.tables import VideoClip, VideoProject
from services.video.videos import repository as videos
from services.video.videos.rules import check_may_change
from services.video.videos.use_cases import advance, note_submission

LEFT_OUT = "left_out"


async def retry_clip(session: AsyncSession, caller: Caller, clip_id: UUID) -> VideoClip:
    """The model is asked again, with as many retries as at first."""
    video, clip = await _failed(session, caller, clip_id)
    clip.status, clip.failure_reason = "pending", None
    clip.due_at = clip.noted_at = func.now()
    await note_submission(session, clip, "clip")
    return await _chosen(session, video, clip)


async def use_ken_burns(session: AsyncSession, caller: Caller, clip_id: UUID) -> VideoClip:
    """A slow move over the photo itself, made by FFmpeg."""
    video, clip = await _failed(session, caller, clip_id)
    clip.status, clip.failure_reason, clip.is_ken_burns = "completed", None, True
    clip.clip_key, clip.clip_sha256 = clip.source_key, fingerprint(clip.source_key)
    return await _chosen(session, video, clip)


async def leave_out(session: AsyncSession, caller: Caller, clip_id: UUID) -> VideoClip:
    """The film goes without it; its share is refunded, unless an earlier film shows it."""
    video, clip = await _failed(session, caller, clip_id)
    clip.status = LEFT_OUT
    if clip.transition_status in BEING_MADE:
        clip.transition_status, clip.transition_failure_reason = "cross_fade", LEFT_OUT
    listed = await repository.list_clips(session, video.workspace_id, video.id)
    fact = ClipFailed(
        workspace_id=video.workspace_id,
        video_id=video.id,
        clip_id=clip.id,
        reason=LEFT_OUT,
        paid_clip_count=len(listed) if video.film_id is None else None,
    )
    await emit(session, fact)
    return await _chosen(session, video, clip)


async def _failed(
    session: AsyncSession, caller: Caller, clip_id: UUID
) -> tuple[VideoProject, VideoClip]:
    clip = await repository.get_clip(session, caller.workspace_id, clip_id)
    video = await videos.lock_video(session, caller.workspace_id, clip.video_id)
    check_may_change(caller, video)
    await session.refresh(clip)
    if clip.status != "failed" or video.status != "generating":
        raise NoChoiceToMake
    return video, clip


async def _chosen(session: AsyncSession, video: VideoProject, clip: VideoClip) -> VideoClip:
    await session.flush()
    await advance(session, video)
    await session.flush()
    return clip
