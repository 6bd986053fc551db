"""After an invoice left the house: paid, overdue, and asking Fiken which of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.billing import InvoiceOverdue, InvoicePaid
from services.billing import errors
from services.billing.invoices import repository, rules
from services.billing.ledger import repository as ledger
from services.billing.ledger import rules as accounts
from services.billing.ledger.use_cases import raise_alarm
from services.billing.notes import CreditNoteDue, InvoiceDeliveryDue
from services.billing.payments import repository as payments
from services.billing.payments import rules as payment_rules
from services.billing.providers.base import VendorAway, VendorRefused
from services.billing.providers.fiken import Fiken, InvoiceSeen
from services.billing.tables import CreditNote, Invoice

log = structlog.get_logger()

BATCH = 100
STUCK_AFTER = timedelta(minutes=5)


async def mark_paid(session: AsyncSession, workspace_id: UUID, invoice_id: UUID) -> Invoice:
    """The money came, once; raises InvoiceNotOpen for everything but sent and overdue."""
    lines = await repository.list_lines_of(session, workspace_id, invoice_id)
    # Payments are locked before invoices everywhere, or two of us would wait for each other.
    for payment_id in sorted(line.payment_id for line in lines):
        await payments.find_payment(session, workspace_id, payment_id, lock=True)
    invoice = await repository.get_invoice(session, workspace_id, invoice_id, lock=True)
    status = rules.after(invoice.status, "paid")
    if status is None:
        raise errors.InvoiceNotOpen(invoice_status=invoice.status)
    invoice.status, invoice.paid_at = status, datetime.now(UTC)
    notes = await repository.list_credit_notes_of(session, workspace_id, invoice_id)
    await _settle_payments(session, workspace_id, [line.payment_id for line in lines])
    credited = sum(note.net_ore + note.vat_ore for note in notes if note.status == "issued")
    sides = accounts.invoice_paid(invoice.gross_ore - credited)
    await ledger.post(session, workspace_id, "invoice_paid", str(invoice_id), sides, "nok")
    fact = InvoicePaid(
        workspace_id=workspace_id,
        invoice_id=invoice_id,
        invoice_number=invoice.fiken_invoice_number or "",
        net_minor_units=invoice.net_ore - invoice.credited_net_ore,
        currency="nok",
    )
    await emit(session, fact)
    await session.flush()
    return invoice


async def _settle_payments(
    session: AsyncSession, workspace_id: UUID, payment_ids: Sequence[UUID]
) -> None:
    for payment_id in payment_ids:
        payment = await payments.get_payment(session, workspace_id, payment_id)
        status = payment_rules.after(payment.status, "paid")
        if status is not None:
            payment.status, payment.paid_at = status, datetime.now(UTC)


async def sync_invoice(
    database: Database, fiken: Fiken, workspace_id: UUID, invoice_id: UUID
) -> None:
    """Ask Fiken about one invoice; raises VendorAway, VendorRefused."""
    scope = SystemScope(workspace_id)
    async with database.transaction(scope) as session:
        invoice = await repository.get_invoice(session, workspace_id, invoice_id)
    if invoice.status not in repository.OPEN or invoice.fiken_invoice_id is None:
        return
    seen = await fiken.get_invoice(invoice.fiken_invoice_id)
    async with database.transaction(scope) as session:
        await repository.set_invoice(session, workspace_id, invoice_id, synced_at=datetime.now(UTC))
        await _apply(session, workspace_id, invoice_id, seen)


async def _apply(
    session: AsyncSession, workspace_id: UUID, invoice_id: UUID, seen: InvoiceSeen
) -> None:
    notes = await repository.list_credit_notes_of(session, workspace_id, invoice_id)
    if _is_credited_elsewhere(seen, notes):
        detail = "Fiken shows a credit note that we did not make"
        await raise_alarm(session, workspace_id, "foreign_credit_note", str(invoice_id), detail)
        return
    if seen.is_settled:
        current = await repository.get_invoice(session, workspace_id, invoice_id)
        if rules.after(current.status, "paid") is not None:
            await mark_paid(session, workspace_id, invoice_id)
        return
    await _overdue(session, workspace_id, invoice_id)


def _is_credited_elsewhere(seen: InvoiceSeen, notes: Sequence[CreditNote]) -> bool:
    """A note on its way counts as ours: its number is not known yet."""
    ours = {note.fiken_credit_note_id for note in notes}
    return not any(note.status == "pending" for note in notes) and not (
        set(seen.credit_note_ids) <= ours
    )


async def _overdue(session: AsyncSession, workspace_id: UUID, invoice_id: UUID) -> None:
    invoice = await repository.get_invoice(session, workspace_id, invoice_id, lock=True)
    status = rules.after(invoice.status, "due_date_passed")
    today = rules.oslo_date(datetime.now(UTC))
    if status is None or invoice.due_date is None or not rules.is_overdue(invoice.due_date, today):
        return
    invoice.status = status
    fact = InvoiceOverdue(
        workspace_id=workspace_id,
        invoice_id=invoice_id,
        invoice_number=invoice.fiken_invoice_number or "",
        due_on=invoice.due_date,
    )
    await emit(session, fact)


async def sync_open(database: Database, fiken: Fiken) -> int:
    """Ask about the invoices nobody asked about for longest; the answer is how many."""
    async with database.across_workspaces() as session:
        invoices = await repository.list_open(session, BATCH)
    for count, invoice in enumerate(invoices):
        try:
            await sync_invoice(database, fiken, invoice.workspace_id, invoice.id)
        except VendorAway as error:
            log.warning("billing.fiken_away", error=str(error))
            return count
        except (VendorRefused, errors.InvoiceNotOpen) as error:
            log.error("billing.sync_refused", invoice_id=str(invoice.id), error=str(error))
    return len(invoices)


async def repeat_notes(database: Database) -> None:
    """Remind ourselves of deliveries and credit notes that a crash or an outage left."""
    before = datetime.now(UTC) - STUCK_AFTER
    async with database.across_workspaces() as session:
        for invoice in await repository.list_undelivered(session, BATCH):
            due = InvoiceDeliveryDue(workspace_id=invoice.workspace_id, invoice_id=invoice.id)
            await emit(session, due)
        for note in await repository.list_pending_credit_notes(session, before, BATCH):
            waiting = CreditNoteDue(workspace_id=note.workspace_id, credit_note_id=note.id)
            await emit(session, waiting)
