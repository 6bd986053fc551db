"""Counts, costs and progress of a video, derived anew from its rows and told when they moved."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.video import VideoProgressed
from services.video.generation import repository as attempts
from services.video.rendering import repository as rendering
from services.video.tables import VideoClip, VideoProject
from services.video.videos import rules


async def recount(session: AsyncSession, video: VideoProject, clips: list[VideoClip]) -> None:
    """Counts and costs are derived from the rows, never added up."""
    segments = await rendering.list_segments(session, video.workspace_id, video.id)
    spent = await attempts.list_attempts(session, video.workspace_id, video.id)
    with_audio = video.generate_native_audio
    planned = rules.planned_cents(clips, with_audio) if video.started_at is None else 0
    planned = max(planned, video.estimated_cost if video.started_at is not None else 0)
    costs = rules.costs_of(clips, spent, with_audio=with_audio, planned=planned)
    video.estimated_cost, video.actual_cost = costs.estimated, costs.actual
    video.clip_count = sum(clip.status != "left_out" for clip in clips)
    video.completed_clip_count = sum(clip.status == "completed" for clip in clips)
    if video.status == "generating":
        percent = rules.progress_of(clips, segments, len(video.aspect_ratios))
        video.progress_percent = max(video.progress_percent, percent)


async def tell_progress(session: AsyncSession, video: VideoProject) -> None:
    """Say how far it is, once for each step and percent."""
    now = rules.describe(video)
    told = f"{now.step} {now.progress}"
    if now.step == "draft" or told == video.told_progress:
        return
    video.told_progress = told
    await emit(
        session,
        VideoProgressed(
            workspace_id=video.workspace_id,
            video_id=video.id,
            step=now.step,
            label=now.label,
            progress=now.progress,
        ),
    )
