"""Every query about videos, inside one workspace."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from services.video.tables import VideoProject


async def get_video(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> VideoProject:
    """Raises NotFound, also for a deleted one."""
    video = await session.scalar(_visible(workspace_id).where(VideoProject.id == video_id))
    if video is None:
        raise NotFound
    return video


async def lock_video(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> VideoProject:
    """Like get_video; holds the row, so that changes of one video come one after the other."""
    query = _visible(workspace_id).where(VideoProject.id == video_id)
    video = await session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if video is None:
        raise NotFound
    return video


async def lock_all(session: AsyncSession, workspace_id: UUID) -> list[VideoProject]:
    """Every video that is not deleted."""
    query = _visible(workspace_id).order_by(VideoProject.id).with_for_update()
    return list(await session.scalars(query))


async def find_for_update(
    session: AsyncSession, workspace_id: UUID, video_id: UUID
) -> VideoProject | None:
    """The locked row, a deleted one too."""
    query = select(VideoProject).where(
        VideoProject.workspace_id == workspace_id, VideoProject.id == video_id
    )
    return await session.scalar(query.with_for_update().execution_options(populate_existing=True))


async def list_videos(
    session: AsyncSession, workspace_id: UUID, *, limit: int, before: UUID | None
) -> list[VideoProject]:
    """Newest first."""
    query = _visible(workspace_id).order_by(VideoProject.id.desc()).limit(limit)
    if before is not None:
        query = query.where(VideoProject.id < before)
    return list(await session.scalars(query))


async def list_waiting(session: AsyncSession, before: datetime) -> list[VideoProject]:
    """Across workspaces: videos that wait for a choice since before then."""
    query = select(VideoProject).where(
        VideoProject.status == "generating",
        VideoProject.deleted_at.is_(None),
        VideoProject.waiting_since < before,
    )
    return list(await session.scalars(query.limit(50)))


async def list_unerased(session: AsyncSession, deleted_before: datetime) -> list[VideoProject]:
    """Across workspaces: deleted videos whose files were not looked for again, marked as so."""
    query = (
        select(VideoProject)
        .where(VideoProject.deleted_at < deleted_before, VideoProject.erased_at.is_(None))
        .limit(50)
        .with_for_update(skip_locked=True)
    )
    found = list(await session.scalars(query))
    for video in found:
        video.erased_at = func.now()
    return found


def _visible(workspace_id: UUID) -> Select[VideoProject]:
    return select(VideoProject).where(
        VideoProject.workspace_id == workspace_id, VideoProject.deleted_at.is_(None)
    )
