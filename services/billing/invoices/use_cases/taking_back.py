"""What was not delivered leaves the invoice: all of a line, or a share of it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from services.billing.invoices import repository, rules
from services.billing.notes import CreditNoteDue
from services.billing.pricing.rules import vat_of
from services.billing.tables import Invoice, InvoiceLineItem, ProjectPayment


async def take_back_line(session: AsyncSession, payment: ProjectPayment, reason: str) -> None:
    """Nothing was delivered: cancel the line, or credit it when its invoice has left."""
    line = await repository.find_line_of_payment(session, payment.workspace_id, payment.id)
    if line is not None:
        await _take_back(session, line, line.amount_ore * line.quantity, reason)


async def reduce_line(
    session: AsyncSession, payment: ProjectPayment, amount_ore: int, reason: str
) -> None:
    """So much of the line was not delivered (net øre); `reason` names it, so it counts once."""
    line = await repository.find_line_of_payment(session, payment.workspace_id, payment.id)
    if line is not None:
        await _take_back(session, line, amount_ore, reason)


async def _take_back(
    session: AsyncSession, line: InvoiceLineItem, amount_ore: int, reason: str
) -> None:
    invoice = None
    if line.invoice_id is not None:
        invoice = await repository.get_invoice(
            session, line.workspace_id, line.invoice_id, lock=True
        )
        if invoice.status != "draft":
            await _ask_credit(session, line, invoice.id, amount_ore=amount_ore, reason=reason)
            return
    await _replace(session, line, invoice, line.amount_ore * line.quantity - amount_ore)


async def _replace(
    session: AsyncSession, line: InvoiceLineItem, invoice: Invoice | None, left_ore: int
) -> None:
    """A line never changes: it is cancelled, and what is left of it is another line."""
    line.status, line.invoice_id = "pending", None
    line.status = rules.line_after(line.status, "taken_back") or line.status
    await session.flush()
    if left_ore > 0:
        kept = ("workspace_id", "billable_kind", "billable_id", "payment_id", "description")
        values = {name: getattr(line, name) for name in kept}
        less = InvoiceLineItem(**values, amount_ore=left_ore)
        if invoice is not None:
            less.status, less.invoice_id = "invoiced", invoice.id
        session.add(less)
    await session.flush()
    if invoice is not None:
        await _total_anew(session, invoice)


async def _total_anew(session: AsyncSession, invoice: Invoice) -> None:
    lines = await repository.list_lines_of(session, invoice.workspace_id, invoice.id)
    totals = rules.totals_of(each.amount_ore * each.quantity for each in lines)
    invoice.net_ore, invoice.vat_ore = totals.net_ore, totals.vat_ore
    invoice.gross_ore = totals.gross_ore
    if not lines:
        invoice.status = rules.after(invoice.status, "emptied") or invoice.status
    await session.flush()


async def _ask_credit(
    session: AsyncSession,
    line: InvoiceLineItem,
    invoice_id: UUID,
    *,
    amount_ore: int,
    reason: str,
) -> None:
    """At most what earlier notes left of the line; its last note takes the last øre of VAT too."""
    notes = await repository.list_credit_notes_of(session, line.workspace_id, invoice_id)
    earlier = [note for note in notes if note.line_id == line.id]
    total = line.amount_ore * line.quantity
    left = total - sum(note.net_ore for note in earlier)
    net = min(amount_ore, left)
    if net <= 0:
        return
    vat = vat_of(net) if net < left else vat_of(total) - sum(note.vat_ore for note in earlier)
    values = {
        "invoice_id": invoice_id,
        "line_id": line.id,
        "net_ore": net,
        "vat_ore": vat,
        "reason": reason,
    }
    note_id = await repository.add_credit_note(session, line.workspace_id, values)
    if note_id is not None:
        note = CreditNoteDue(workspace_id=line.workspace_id, credit_note_id=note_id)
        await emit(session, note)
