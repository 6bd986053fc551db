"""Every query about brands, inside one workspace."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.video.rendering.rules import Card
from services.video.tables import Brand


async def find_card(session: AsyncSession, workspace_id: UUID) -> Card | None:
    """None for a workspace without a logo."""
    brand = await session.get(Brand, workspace_id)
    if brand is None or brand.card_key is None or brand.card_sha256 is None:
        return None
    return Card(brand.card_key, brand.card_sha256)


async def save_card(
    session: AsyncSession, workspace_id: UUID, card: Card | None, branded_at: datetime
) -> None:
    """Unless newer news came first."""
    values = {
        "workspace_id": workspace_id,
        "card_key": card.key if card is not None else None,
        "card_sha256": card.sha256 if card is not None else None,
        "branded_at": branded_at,
    }
    told = insert(Brand).values(values)
    newer = {name: told.excluded[name] for name in values if name != "workspace_id"}
    await session.execute(
        told.on_conflict_do_update(
            index_elements=[Brand.workspace_id],
            set_=newer,
            where=Brand.branded_at < told.excluded.branded_at,
        )
    )


async def forget_brand(session: AsyncSession, workspace_id: UUID) -> None:
    await session.execute(delete(Brand).where(Brand.workspace_id == workspace_id))
