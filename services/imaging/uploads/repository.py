"""Queries about uploads."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.imaging.errors import UploadNotFound
from services.imaging.tables import Upload


async def get_upload(session: AsyncSession, workspace_id: UUID, upload_id: UUID) -> Upload:
    """Locked; raises UploadNotFound."""
    query = select(Upload).where(Upload.workspace_id == workspace_id, Upload.id == upload_id)
    upload = await session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if upload is None:
        raise UploadNotFound
    return upload


async def count_open(session: AsyncSession, workspace_id: UUID, project_id: UUID) -> int:
    """Uploads that may still become an image of the project."""
    query = (
        select(func.count())
        .select_from(Upload)
        .where(
            Upload.workspace_id == workspace_id,
            Upload.project_id == project_id,
            Upload.status.in_(("open", "checking")),
            Upload.expires_at > func.now(),
        )
    )
    return await session.scalar(query) or 0


async def list_unerased(session: AsyncSession, seconds: float) -> Sequence[Upload]:
    """Across workspaces: old uploads whose file may still lie in storage."""
    query = select(Upload).where(
        Upload.erased_at.is_(None),
        Upload.created_at < datetime.now(UTC) - timedelta(seconds=seconds),
    )
    return (await session.scalars(query.order_by(Upload.created_at).limit(500))).all()


async def mark_erased(session: AsyncSession, workspace_id: UUID, upload_id: UUID) -> None:
    """Its file is gone; unconfirmed ones have expired with it."""
    mine = (Upload.workspace_id == workspace_id, Upload.id == upload_id)
    await session.execute(update(Upload).where(*mine).values(erased_at=func.now()))
    await session.execute(
        update(Upload)
        .where(*mine, Upload.status.in_(("open", "checking")))
        .values(status="expired")
    )


async def forget_names(session: AsyncSession, workspace_id: UUID, project_id: UUID) -> None:
    """File names may say who lives there: gone with the project."""
    await session.execute(
        update(Upload)
        .where(Upload.workspace_id == workspace_id, Upload.project_id == project_id)
        .values(file_name="")
    )
