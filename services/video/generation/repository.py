"""Every query about attempts, inside one workspace; sweepers look across."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.video.generation.rules import Part
from services.video.states import BEING_MADE, OPEN_ATTEMPTS
from services.video.tables import Attempt, VideoClip, VideoProject

SWEEP_LIMIT = 50


async def list_attempts(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> list[Attempt]:
    query = select(Attempt).where(
        Attempt.workspace_id == workspace_id, Attempt.video_id == video_id
    )
    return list(await session.scalars(query.order_by(Attempt.id)))


async def list_attempts_of(
    session: AsyncSession, workspace_id: UUID, clip_id: UUID, part: Part
) -> list[Attempt]:
    query = select(Attempt).where(
        Attempt.workspace_id == workspace_id, Attempt.clip_id == clip_id, Attempt.part == part
    )
    return list(await session.scalars(query.order_by(Attempt.id)))


async def find_attempt(
    session: AsyncSession, workspace_id: UUID, attempt_id: UUID
) -> Attempt | None:
    query = select(Attempt).where(Attempt.workspace_id == workspace_id, Attempt.id == attempt_id)
    return await session.scalar(query.execution_options(populate_existing=True))


async def find_workspace_of(
    session: AsyncSession, attempt_id: UUID, request_id: str
) -> UUID | None:
    """Across workspaces: a webhook knows only the attempt. None when the request is another's."""
    other = select(Attempt.id).where(Attempt.fal_request_id == request_id, Attempt.id != attempt_id)
    query = select(Attempt.workspace_id).where(Attempt.id == attempt_id, ~other.exists())
    return await session.scalar(query)


async def list_stale(
    session: AsyncSession, statuses: tuple[str, ...], before: datetime
) -> list[Attempt]:
    """Across workspaces: attempts unchanged since `before`, oldest first, marked as looked at."""
    query = (
        select(Attempt)
        .where(Attempt.status.in_(statuses), Attempt.changed_at < before)
        .order_by(Attempt.changed_at)
        .limit(SWEEP_LIMIT)
        .with_for_update(skip_locked=True)
    )
    found = list(await session.scalars(query))
    for attempt in found:
        attempt.changed_at = func.now()
    return found


async def list_unsubmitted(session: AsyncSession, before: datetime) -> list[VideoClip]:
    """Across workspaces: clips of running videos whose note may be lost, marked as noted again."""
    waiting = (VideoClip.status == "pending") | (VideoClip.transition_status == "pending")
    query = (
        _running()
        .where(waiting, VideoClip.noted_at < before)
        .limit(SWEEP_LIMIT)
        .with_for_update(of=VideoClip, skip_locked=True)
    )
    found = list(await session.scalars(query))
    for clip in found:
        clip.noted_at = func.now()
    return found


async def list_overdue(session: AsyncSession, before: datetime) -> list[VideoClip]:
    """Across workspaces: clips of running videos that the model owes us since before then."""
    waiting = VideoClip.status.in_(BEING_MADE) | VideoClip.transition_status.in_(BEING_MADE)
    query = _running().where(waiting, VideoClip.due_at < before).limit(SWEEP_LIMIT)
    return list(await session.scalars(query))


async def discard_open(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> list[Attempt]:
    """Nothing more is wanted of the video; what still comes only costs. Answers what was open."""
    listed = await list_attempts(session, workspace_id, video_id)
    ended = [attempt for attempt in listed if attempt.status in OPEN_ATTEMPTS]
    for attempt in ended:
        attempt.status, attempt.result_url = "discarded", None
    return ended


def find_open(attempts: list[Attempt]) -> Attempt | None:
    return next((attempt for attempt in attempts if attempt.status in OPEN_ATTEMPTS), None)


def _running() -> Select[VideoClip]:
    return (
        select(VideoClip)
        .join(
            VideoProject,
            (VideoProject.workspace_id == VideoClip.workspace_id)
            & (VideoProject.id == VideoClip.video_id),
        )
        .where(VideoProject.status == "generating", VideoProject.deleted_at.is_(None))
    )
