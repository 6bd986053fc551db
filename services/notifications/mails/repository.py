"""Every query about mails."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.mails.rules import BEFORE
from services.notifications.mails.schemas import MailSearch
from services.notifications.tables import DeliveryRow, SuppressionRow


async def claim(session: AsyncSession, workspace_id: UUID, row: DeliveryRow) -> DeliveryRow:
    """The one delivery of this fact and template, held until the transaction ends."""
    values = {
        "id": row.id,
        "workspace_id": workspace_id,
        "event_id": row.event_id,
        "template": row.template,
        "recipient": row.recipient,
        "language": row.language,
        "status": "queued",
    }
    await session.execute(insert(DeliveryRow).values(values).on_conflict_do_nothing())
    query = select(DeliveryRow).where(
        DeliveryRow.workspace_id == workspace_id,
        DeliveryRow.event_id == row.event_id,
        DeliveryRow.template == row.template,
    )
    return (await session.scalars(query.with_for_update())).one()


async def settle(
    session: AsyncSession,
    workspace_id: UUID,
    delivery_id: UUID,
    status: str,
    **values: object,
) -> bool:
    """Move on if the state allows it; False when something later is known already."""
    moment = {"sent_at": func.now()} if status == "sent" else {"settled_at": func.now()}
    query = (
        update(DeliveryRow)
        .where(
            DeliveryRow.workspace_id == workspace_id,
            DeliveryRow.id == delivery_id,
            DeliveryRow.status.in_(BEFORE[status]),
        )
        .values(status=status, **moment, **values)
        .returning(DeliveryRow.id)
        .execution_options(synchronize_session=False)
    )
    return await session.scalar(query) is not None


async def find_delivery(session: AsyncSession, delivery_id: UUID) -> DeliveryRow | None:
    """Across workspaces: the provider only knows the delivery."""
    return await session.scalar(select(DeliveryRow).where(DeliveryRow.id == delivery_id))


async def search(session: AsyncSession, wanted: MailSearch) -> list[DeliveryRow]:
    """Across workspaces, for administrators; one row more than the limit."""
    query = select(DeliveryRow)
    if wanted.cursor is not None:
        query = query.where(DeliveryRow.id < wanted.cursor)
    if wanted.recipient is not None:
        query = query.where(DeliveryRow.recipient == wanted.recipient.lower())
    if wanted.workspace_id is not None:
        query = query.where(DeliveryRow.workspace_id == wanted.workspace_id)
    if wanted.status is not None:
        query = query.where(DeliveryRow.status == wanted.status)
    query = query.order_by(DeliveryRow.id.desc()).limit(wanted.limit + 1)
    return list(await session.scalars(query))


async def forget_workspace(session: AsyncSession, workspace_id: UUID) -> None:
    await session.execute(delete(DeliveryRow).where(DeliveryRow.workspace_id == workspace_id))


async def forget_before(session: AsyncSession, before: datetime) -> None:
    """Across workspaces, for the sweeper."""
    await session.execute(delete(DeliveryRow).where(DeliveryRow.created_at < before))


async def is_suppressed(session: AsyncSession, email: str) -> bool:
    """Across workspaces: a mailbox is as broken for everybody."""
    query = select(SuppressionRow.email).where(SuppressionRow.email == email)
    return await session.scalar(query) is not None


async def suppress(session: AsyncSession, email: str, reason: str) -> None:
    """Across workspaces."""
    row = insert(SuppressionRow).values(email=email, reason=reason)
    await session.execute(row.on_conflict_do_nothing())


async def lift_suppression(session: AsyncSession, email: str) -> None:
    """Across workspaces: an administrator knows that the mailbox works again."""
    await session.execute(delete(SuppressionRow).where(SuppressionRow.email == email))
