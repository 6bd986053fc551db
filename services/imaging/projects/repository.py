"""Queries about projects."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.imaging.errors import ProjectNotFound
from services.imaging.tables import Project

LOCK_WORKSPACE = text("SELECT pg_advisory_xact_lock(hashtextextended(:workspace_id, 0))")


async def get_project(
    session: AsyncSession, workspace_id: UUID, project_id: UUID, *, lock: bool = False
) -> Project:
    """Raises ProjectNotFound, for deleted ones too. Lock a project before its images."""
    project = await find_project(session, workspace_id, project_id, lock=lock)
    if project is None:
        raise ProjectNotFound
    return project


async def find_project(
    session: AsyncSession, workspace_id: UUID, project_id: UUID, *, lock: bool = False
) -> Project | None:
    query = select(Project).where(
        Project.workspace_id == workspace_id,
        Project.id == project_id,
        Project.deleted_at.is_(None),
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(query)


async def find_with_deleted(
    session: AsyncSession, workspace_id: UUID, project_id: UUID
) -> Project | None:
    """Locked; a tombstone too."""
    query = select(Project).where(Project.workspace_id == workspace_id, Project.id == project_id)
    query = query.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(query)


async def list_kept(session: AsyncSession, workspace_id: UUID) -> Sequence[Project]:
    """Every project that is not deleted, locked."""
    query = select(Project).where(
        Project.workspace_id == workspace_id, Project.deleted_at.is_(None)
    )
    return (await session.scalars(query.order_by(Project.id).with_for_update())).all()


async def list_projects(
    session: AsyncSession, workspace_id: UUID, *, limit: int, before: UUID | None
) -> Sequence[Project]:
    """Newest first; `before` is the last id of the page before."""
    query = select(Project).where(
        Project.workspace_id == workspace_id, Project.deleted_at.is_(None)
    )
    if before is not None:
        query = query.where(Project.id < before)
    return (await session.scalars(query.order_by(Project.id.desc()).limit(limit))).all()


async def count_projects_ever(session: AsyncSession, workspace_id: UUID) -> int:
    """Deleted ones too; the workspace stays locked, so that two at once cannot both be last."""
    await session.execute(LOCK_WORKSPACE, {"workspace_id": str(workspace_id)})
    query = select(func.count()).select_from(Project).where(Project.workspace_id == workspace_id)
    return await session.scalar(query) or 0


async def get_removed(session: AsyncSession, workspace_id: UUID, project_id: UUID) -> Project:
    """A deleted project, locked; raises ProjectNotFound."""
    query = select(Project).where(
        Project.workspace_id == workspace_id,
        Project.id == project_id,
        Project.deleted_at.is_not(None),
    )
    project = await session.scalar(query.with_for_update())
    if project is None:
        raise ProjectNotFound
    return project
