"""Before an invoice leaves the house: its lines, the draft, and the decision to send."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.outbox import emit
from services.billing import errors
from services.billing.invoices import repository, rules
from services.billing.notes import InvoiceDeliveryDue
from services.billing.pricing import repository as pricing
from services.billing.tables import Invoice, InvoiceLineItem, ProjectPayment


async def add_line(session: AsyncSession, payment: ProjectPayment, name: str) -> None:
    """What the payment will cost on an invoice; one line per billable."""
    line = InvoiceLineItem(
        workspace_id=payment.workspace_id,
        billable_kind=payment.billable_kind,
        billable_id=payment.billable_id,
        payment_id=payment.id,
        description=rules.description_of(payment.billable_kind, name),
        amount_ore=payment.amount_minor_units,
    )
    session.add(line)
    await session.flush()


async def draft_invoice(
    session: AsyncSession, workspace_id: UUID, line_ids: Sequence[UUID] | None, notes: str | None
) -> Invoice:
    """Lock pending lines to a new draft; raises LineNotPending, NothingToInvoice."""
    wanted = None if line_ids is None else list(dict.fromkeys(line_ids))
    lines = await repository.list_pending_lines(session, workspace_id, wanted)
    if not lines or (wanted is not None and len(lines) != len(wanted)):
        raise errors.NothingToInvoice
    totals = rules.totals_of(line.amount_ore * line.quantity for line in lines)
    invoice = Invoice(
        id=uuid7(),
        workspace_id=workspace_id,
        net_ore=totals.net_ore,
        vat_ore=totals.vat_ore,
        gross_ore=totals.gross_ore,
        notes=notes,
    )
    session.add(invoice)
    await session.flush()
    for line in lines:
        status = rules.line_after(line.status, "invoiced")
        if status is None:
            raise errors.LineNotPending(line_id=line.id)
        line.status, line.invoice_id = status, invoice.id
    await session.flush()
    await session.refresh(invoice)
    return invoice


async def send_invoice(
    session: AsyncSession, workspace_id: UUID, invoice_id: UUID, due_days: int
) -> Invoice:
    """Decide the dates and let Fiken do the rest; raises NotADraft unless a delivery rests."""
    invoice = await repository.get_invoice(session, workspace_id, invoice_id, lock=True)
    rests = invoice.status == "sending" and invoice.delivery_problem is not None
    status = "sending" if rests else rules.after(invoice.status, "send")
    if status is None:
        raise errors.NotADraft
    workspace = await pricing.find_workspace(session, workspace_id)
    if workspace is None or workspace.organization_number is None:
        raise errors.NoOrganisationNumber
    invoice.status, invoice.delivery_problem = status, None
    if invoice.issue_date is None:
        invoice.issue_date = rules.oslo_date(datetime.now(UTC))
        invoice.due_date = rules.due_on(invoice.issue_date, due_days)
    await emit(session, InvoiceDeliveryDue(workspace_id=workspace_id, invoice_id=invoice_id))
    await session.flush()
    return invoice
