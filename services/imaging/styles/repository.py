"""Queries about a workspace's own styles."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.imaging.tables import StyleTemplate


async def list_templates(session: AsyncSession, workspace_id: UUID) -> Sequence[StyleTemplate]:
    query = select(StyleTemplate).where(StyleTemplate.workspace_id == workspace_id)
    return (await session.scalars(query.order_by(StyleTemplate.id.desc()))).all()


async def find_template(
    session: AsyncSession, workspace_id: UUID, template_id: UUID
) -> StyleTemplate | None:
    return await session.get(StyleTemplate, (workspace_id, template_id))


async def delete_templates(session: AsyncSession, workspace_id: UUID) -> None:
    await session.execute(delete(StyleTemplate).where(StyleTemplate.workspace_id == workspace_id))
