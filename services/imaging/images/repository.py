"""Queries about images and their versions."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from services.imaging.errors import ImageNotFound
from services.imaging.tables import ImageVersion


async def get_version(
    session: AsyncSession, workspace_id: UUID, version_id: UUID, *, lock: bool = False
) -> ImageVersion:
    """One version by its own id; raises ImageNotFound. Lock its project first if you need both."""
    query = select(ImageVersion).where(
        ImageVersion.workspace_id == workspace_id, ImageVersion.id == version_id
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    version = await session.scalar(query)
    if version is None:
        raise ImageNotFound
    return version


async def list_versions(
    session: AsyncSession, workspace_id: UUID, image_id: UUID
) -> Sequence[ImageVersion]:
    """Every version of an image, newest first."""
    query = select(ImageVersion).where(
        ImageVersion.workspace_id == workspace_id, ImageVersion.root_id == image_id
    )
    return (await session.scalars(query.order_by(ImageVersion.version.desc()))).all()


async def list_newest(
    session: AsyncSession, workspace_id: UUID, project_id: UUID
) -> Sequence[ImageVersion]:
    """The newest version of each image, in the project's order."""
    newest = (
        select(ImageVersion)
        .where(ImageVersion.workspace_id == workspace_id, ImageVersion.project_id == project_id)
        .ext(distinct_on(ImageVersion.root_id))
        .order_by(ImageVersion.root_id, ImageVersion.version.desc())
        .execution_options(populate_existing=True)
    )
    return sorted(await session.scalars(newest), key=lambda version: version.position)


async def list_processing(
    session: AsyncSession, workspace_id: UUID, project_id: UUID
) -> Sequence[ImageVersion]:
    """Versions still at work, locked; lock the project first."""
    query = select(ImageVersion).where(
        ImageVersion.workspace_id == workspace_id,
        ImageVersion.project_id == project_id,
        ImageVersion.status == "processing",
    )
    return (await session.scalars(query.with_for_update())).all()


async def last_position(session: AsyncSession, workspace_id: UUID, project_id: UUID) -> int:
    query = select(func.max(ImageVersion.position)).where(
        ImageVersion.workspace_id == workspace_id, ImageVersion.project_id == project_id
    )
    return await session.scalar(query) or 0


async def forget_names(session: AsyncSession, workspace_id: UUID, project_id: UUID) -> None:
    """File names may say who lives there: gone with the project."""
    await session.execute(
        update(ImageVersion)
        .where(ImageVersion.workspace_id == workspace_id, ImageVersion.project_id == project_id)
        .values(file_name="")
    )
