"""Invoices, their lines and credit notes, always inside one workspace."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.errors import NotFound
from services.billing.tables import CreditNote, Invoice, InvoiceLineItem

OPEN = ("sent", "overdue")


async def list_pending_lines(
    session: AsyncSession, workspace_id: UUID, line_ids: Sequence[UUID] | None
) -> Sequence[InvoiceLineItem]:
    """The named lines, or all pending ones, locked until they are on an invoice."""
    query = select(InvoiceLineItem).where(InvoiceLineItem.workspace_id == workspace_id)
    if line_ids is None:
        query = query.where(InvoiceLineItem.status == "pending")
    else:
        query = query.where(InvoiceLineItem.id.in_(line_ids))
    query = query.order_by(InvoiceLineItem.id).with_for_update()
    return (await session.scalars(query)).all()


async def list_lines(
    session: AsyncSession,
    workspace_id: UUID,
    *,
    status: str | None,
    limit: int,
    before: UUID | None,
) -> Sequence[InvoiceLineItem]:
    query = select(InvoiceLineItem).where(InvoiceLineItem.workspace_id == workspace_id)
    if status is not None:
        query = query.where(InvoiceLineItem.status == status)
    if before is not None:
        query = query.where(InvoiceLineItem.id < before)
    return (await session.scalars(query.order_by(InvoiceLineItem.id.desc()).limit(limit))).all()


async def list_all_lines(
    session: AsyncSession, *, status: str | None, limit: int, before: UUID | None
) -> Sequence[InvoiceLineItem]:
    """Of every workspace: for administrators."""
    query = select(InvoiceLineItem)
    if status is not None:
        query = query.where(InvoiceLineItem.status == status)
    if before is not None:
        query = query.where(InvoiceLineItem.id < before)
    return (await session.scalars(query.order_by(InvoiceLineItem.id.desc()).limit(limit))).all()


async def list_lines_of(
    session: AsyncSession, workspace_id: UUID, invoice_id: UUID
) -> Sequence[InvoiceLineItem]:
    query = select(InvoiceLineItem).where(
        InvoiceLineItem.workspace_id == workspace_id, InvoiceLineItem.invoice_id == invoice_id
    )
    return (await session.scalars(query.order_by(InvoiceLineItem.id))).all()


async def find_line_of_payment(
    session: AsyncSession, workspace_id: UUID, payment_id: UUID
) -> InvoiceLineItem | None:
    """The line that charges this payment, locked; a cancelled one charges nothing."""
    query = select(InvoiceLineItem).where(
        InvoiceLineItem.workspace_id == workspace_id,
        InvoiceLineItem.payment_id == payment_id,
        InvoiceLineItem.status != "cancelled",
    )
    found: InvoiceLineItem | None = await session.scalar(query.with_for_update())
    return found


async def find_invoice(
    session: AsyncSession, workspace_id: UUID, invoice_id: UUID, *, lock: bool = False
) -> Invoice | None:
    query = select(Invoice).where(Invoice.workspace_id == workspace_id, Invoice.id == invoice_id)
    query = query.execution_options(populate_existing=True)
    found: Invoice | None = await session.scalar(query.with_for_update() if lock else query)
    return found


async def get_invoice(
    session: AsyncSession, workspace_id: UUID, invoice_id: UUID, *, lock: bool = False
) -> Invoice:
    found = await find_invoice(session, workspace_id, invoice_id, lock=lock)
    if found is None:
        raise NotFound
    return found


async def workspace_of(session: AsyncSession, invoice_id: UUID) -> UUID:
    """Across workspaces: for an administrator who names only the invoice."""
    found = await session.scalar(select(Invoice.workspace_id).where(Invoice.id == invoice_id))
    if found is None:
        raise NotFound
    return found


async def list_invoices(
    session: AsyncSession, workspace_id: UUID, *, limit: int, before: UUID | None
) -> Sequence[Invoice]:
    """What a customer sees: drafts are ours."""
    query = select(Invoice).where(
        Invoice.workspace_id == workspace_id, Invoice.status.not_in(("draft", "sending"))
    )
    if before is not None:
        query = query.where(Invoice.id < before)
    return (await session.scalars(query.order_by(Invoice.id.desc()).limit(limit))).all()


async def list_all_invoices(
    session: AsyncSession, *, status: str | None, limit: int, before: UUID | None
) -> Sequence[Invoice]:
    """Of every workspace: for administrators."""
    query = select(Invoice)
    if status is not None:
        query = query.where(Invoice.status == status)
    if before is not None:
        query = query.where(Invoice.id < before)
    return (await session.scalars(query.order_by(Invoice.id.desc()).limit(limit))).all()


async def set_invoice(
    session: AsyncSession, workspace_id: UUID, invoice_id: UUID, **values: Any
) -> None:
    await session.execute(
        update(Invoice)
        .where(Invoice.workspace_id == workspace_id, Invoice.id == invoice_id)
        .values(**values)
    )


async def list_open(session: AsyncSession, limit: int) -> Sequence[Invoice]:
    """Of every workspace, the longest unasked first: for the sweeper."""
    query = select(Invoice).where(Invoice.status.in_(OPEN))
    query = query.order_by(Invoice.synced_at.asc().nulls_first()).limit(limit)
    return (await session.scalars(query)).all()


async def list_undelivered(session: AsyncSession, limit: int) -> Sequence[Invoice]:
    """Of every workspace, in the order they were made: for the sweeper."""
    query = select(Invoice).where(Invoice.status == "sending", Invoice.delivery_problem.is_(None))
    return (await session.scalars(query.order_by(Invoice.id).limit(limit))).all()


async def add_credit_note(
    session: AsyncSession, workspace_id: UUID, values: dict[str, Any]
) -> UUID | None:
    """None when the line is being credited already for this reason."""
    row = {"id": uuid7(), "workspace_id": workspace_id, "status": "pending", **values}
    claim = insert(CreditNote).values(row).on_conflict_do_nothing()
    return await session.scalar(claim.returning(CreditNote.id))


async def find_credit_note(
    session: AsyncSession, workspace_id: UUID, credit_note_id: UUID, *, lock: bool = False
) -> CreditNote | None:
    query = select(CreditNote).where(
        CreditNote.workspace_id == workspace_id, CreditNote.id == credit_note_id
    )
    found: CreditNote | None = await session.scalar(query.with_for_update() if lock else query)
    return found


async def list_credit_notes_of(
    session: AsyncSession, workspace_id: UUID, invoice_id: UUID
) -> Sequence[CreditNote]:
    query = select(CreditNote).where(
        CreditNote.workspace_id == workspace_id, CreditNote.invoice_id == invoice_id
    )
    return (await session.scalars(query)).all()


async def list_pending_credit_notes(
    session: AsyncSession, older_than: datetime, limit: int
) -> Sequence[CreditNote]:
    """Of every workspace: for the sweeper."""
    query = select(CreditNote).where(
        CreditNote.status == "pending", CreditNote.created_at < older_than
    )
    return (await session.scalars(query.order_by(CreditNote.id).limit(limit))).all()
