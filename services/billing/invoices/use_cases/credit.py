"""Credit a line of an issued invoice in Fiken, or a share of it, once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.billing import InvoiceCredited
from services.billing.invoices import repository, rules
from services.billing.ledger import repository as ledger
from services.billing.ledger import rules as accounts
from services.billing.ledger.use_cases import raise_alarm
from services.billing.payments import repository as payments
from services.billing.payments import rules as payment_rules
from services.billing.providers.base import VendorAway, VendorRefused
from services.billing.providers.fiken import Fiken, Line, NewCreditNote
from services.billing.providers.single_flight import delivering
from services.billing.tables import CreditNote, Invoice, InvoiceLineItem, ProjectPayment

ISSUED = ("sent", "paid", "overdue")


async def deliver_credit_note(
    database: Database, fiken: Fiken, workspace_id: UUID, credit_note_id: UUID
) -> None:
    """Search, post, note; raises VendorAway to be tried again, also while the invoice leaves."""
    async with delivering(database.engine, f"credit note {credit_note_id}"):
        await _deliver(database, fiken, SystemScope(workspace_id), credit_note_id)


async def _deliver(
    database: Database, fiken: Fiken, scope: SystemScope, credit_note_id: UUID
) -> None:
    workspace_id = scope.workspace_id
    async with database.transaction(scope) as session:
        note = await repository.find_credit_note(session, workspace_id, credit_note_id)
        if note is None or note.status != "pending":
            return
        invoice = await repository.get_invoice(session, workspace_id, note.invoice_id)
        lines = await repository.list_lines_of(session, workspace_id, note.invoice_id)
    if invoice.status not in ISSUED:
        raise VendorAway("fiken: the invoice itself is still on its way")
    try:
        fiken_id = await _find_or_create(fiken, note, invoice, lines)
    except VendorRefused as error:
        async with database.transaction(scope) as session:
            await _block(session, workspace_id, credit_note_id, error.code)
        return
    async with database.transaction(scope) as session:
        await _issued(session, workspace_id, credit_note_id, fiken_id)


async def _find_or_create(
    fiken: Fiken, note: CreditNote, invoice: Invoice, lines: Sequence[InvoiceLineItem]
) -> int:
    invoice_id = invoice.fiken_invoice_id or 0
    found = await fiken.find_credit_note(invoice_id, note.id)
    if found is not None:
        return found
    credited = [
        Line(line.description, note.net_ore, 1) for line in lines if line.id == note.line_id
    ]
    new = NewCreditNote(
        id=note.id,
        invoice_id=invoice_id,
        issue_date=rules.oslo_date(datetime.now(UTC)),
        lines=None if note.net_ore == invoice.net_ore else credited,
    )
    made = await fiken.create_credit_note(new) or await fiken.find_credit_note(invoice_id, note.id)
    if made is None:
        raise VendorAway("fiken: the new credit note is not found yet", is_unknown=True)
    return made


async def _block(
    session: AsyncSession, workspace_id: UUID, credit_note_id: UUID, code: str
) -> None:
    note = await repository.find_credit_note(session, workspace_id, credit_note_id, lock=True)
    if note is not None and note.status == "pending":
        note.status = "blocked"
        subject = str(credit_note_id)
        await raise_alarm(session, workspace_id, "credit_note_refused", subject, code)


async def _issued(
    session: AsyncSession, workspace_id: UUID, credit_note_id: UUID, fiken_id: int
) -> None:
    note = await repository.find_credit_note(session, workspace_id, credit_note_id)
    if note is None:
        return
    payment = await _lock_payment(session, note)
    invoice = await repository.get_invoice(session, workspace_id, note.invoice_id, lock=True)
    locked = await repository.find_credit_note(session, workspace_id, credit_note_id, lock=True)
    if locked is None or locked.status != "pending":
        return
    locked.status, locked.fiken_credit_note_id = "issued", fiken_id
    _count_back(payment, note.net_ore)
    was_paid = invoice.status == "paid"
    invoice.credited_net_ore += note.net_ore
    if invoice.credited_net_ore == invoice.net_ore:
        invoice.status = rules.after(invoice.status, "credited") or invoice.status
    sides = accounts.invoice_credited(note.net_ore, note.vat_ore, paid=was_paid)
    await ledger.post(session, workspace_id, "invoice_credited", str(note.id), sides, "nok")
    fact = InvoiceCredited(
        workspace_id=workspace_id,
        invoice_id=invoice.id,
        credit_note_id=str(fiken_id),
        net_minor_units=note.net_ore,
        currency="nok",
    )
    await emit(session, fact)


async def _lock_payment(session: AsyncSession, note: CreditNote) -> ProjectPayment | None:
    """Before its invoice, as everywhere."""
    lines = await repository.list_lines_of(session, note.workspace_id, note.invoice_id)
    for line in lines:
        if line.id == note.line_id:
            return await payments.find_payment(
                session, note.workspace_id, line.payment_id, lock=True
            )
    return None


def _count_back(payment: ProjectPayment | None, net_ore: int) -> None:
    """The payment of a paid line is refunded; what was not paid yet is merely less."""
    status = payment and payment_rules.after(payment.status, "refunded")
    if payment is not None and status:
        given = payment.refunded_minor_units + net_ore
        payment.status = status
        payment.refunded_minor_units = min(payment.amount_minor_units, given)
