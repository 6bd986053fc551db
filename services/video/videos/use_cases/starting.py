"""Verb: start a paid video."""

from uuid import UUID

import structlog
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.video import VideoStarted
from services.video.clips import repository as clips_repository
from services.video.videos import repository, rules
from services.video.videos.use_cases.counting import recount, tell_progress
from services.video.videos.use_cases.ending import DELETED, fail_video
from services.video.videos.use_cases.notes import note_submission

log = structlog.get_logger()


async def start_video(
    session: AsyncSession, workspace_id: UUID, video_id: UUID, payment_id: UUID
) -> None:
    """Paid: every clip and seamless transition is submitted. Being paid twice starts nothing."""
    video = await repository.find_for_update(session, workspace_id, video_id)
    if video is None or video.status != "draft":
        log.warning("video.not_startable", video_id=str(video_id))
        return
    if video.deleted_at is not None:
        # Its pay page was still open.
        video.payment_id = payment_id
        await fail_video(session, video, DELETED)
        return
    clips = await clips_repository.list_clips(session, workspace_id, video_id)
    video.payment_id = payment_id
    if not rules.MIN_CLIPS <= len(clips) <= rules.MAX_CLIPS:
        await fail_video(session, video, "too_few_clips")
        return
    await recount(session, video, clips)
    video.status, video.started_at = "generating", func.now()
    await emit(
        session,
        VideoStarted(workspace_id=workspace_id, video_id=video_id, clip_count=len(clips)),
    )
    for number, clip in enumerate(clips):
        clip.due_at = clip.noted_at = func.now()
        await note_submission(session, clip, "clip")
        if rules.has_transition(clip, clips):
            clip.transition_status, clip.transition_to_id = "pending", clips[number + 1].id
            await note_submission(session, clip, "transition")
    await tell_progress(session, video)
