"""Bring an invoice to Fiken: contact, invoice, totals, dispatch, number; each once."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.billing import InvoiceSent
from services.billing.invoices import repository, rules
from services.billing.ledger import repository as ledger
from services.billing.ledger import rules as accounts
from services.billing.ledger.use_cases import raise_alarm, resolve_alarm
from services.billing.pricing import repository as pricing
from services.billing.providers.base import VendorAway, VendorRefused
from services.billing.providers.fiken import Customer, Fiken, InvoiceSeen, Line, NewInvoice
from services.billing.providers.single_flight import delivering
from services.billing.tables import Invoice, InvoiceLineItem

TOTALS_DIFFER = "totals_differ"


async def deliver_invoice(
    database: Database, fiken: Fiken, workspace_id: UUID, invoice_id: UUID
) -> None:
    """May run any number of times and in parallel; raises VendorAway to be tried again."""
    async with delivering(database.engine, f"invoice {invoice_id}"):
        scope = SystemScope(workspace_id)
        async with database.transaction(scope) as session:
            invoice = await repository.get_invoice(session, workspace_id, invoice_id)
            lines = await repository.list_lines_of(session, workspace_id, invoice_id)
        if invoice.status != "sending" or invoice.delivery_problem is not None:
            return
        try:
            problem = await _deliver(database, fiken, invoice, lines)
        except VendorRefused as error:
            problem = error.code
        async with database.transaction(scope) as session:
            await _note_problem(session, workspace_id, invoice_id, problem)


async def _note_problem(
    session: AsyncSession, workspace_id: UUID, invoice_id: UUID, problem: str | None
) -> None:
    subject = str(invoice_id)
    if problem is None:
        await resolve_alarm(session, "invoice_delivery", subject)
        return
    await repository.set_invoice(session, workspace_id, invoice_id, delivery_problem=problem)
    await raise_alarm(session, workspace_id, "invoice_delivery", subject, problem)


async def _deliver(
    database: Database, fiken: Fiken, invoice: Invoice, lines: Sequence[InvoiceLineItem]
) -> str | None:
    """None when all is well, else the code of what a person must put right."""
    async with database.transaction(SystemScope(invoice.workspace_id)) as session:
        workspace = await pricing.find_workspace(session, invoice.workspace_id)
    if workspace is None or workspace.organization_number is None:
        return "no_organization_number"
    customer = Customer(
        workspace_id=invoice.workspace_id,
        name=workspace.name or workspace.organization_number,
        organization_number=workspace.organization_number,
        email=workspace.contact_email,
    )
    contact_id = await _contact(database, fiken, customer)
    fiken_id = invoice.fiken_invoice_id or await _create(fiken, invoice, lines, contact_id)
    await _remember(database, invoice, contact_id, fiken_id)
    seen = await fiken.get_invoice(fiken_id)
    ours = (invoice.net_ore, invoice.vat_ore, invoice.gross_ore)
    if (seen.net_ore, seen.vat_ore, seen.gross_ore) != ours:
        return TOTALS_DIFFER
    if not seen.is_dispatched:
        await fiken.send_invoice(fiken_id, customer.email)
    await _sent(database, invoice, seen)
    return None


async def _contact(database: Database, fiken: Fiken, customer: Customer) -> int:
    scope = SystemScope(customer.workspace_id)
    async with database.transaction(scope) as session:
        agreed = await pricing.lock_pricing(session, customer.workspace_id)
        known = agreed.fiken_contact_id
    if known is not None:
        return known
    contact_id = await fiken.find_contact(customer)
    if contact_id is None:
        contact_id = await fiken.create_contact(customer) or await fiken.find_contact(customer)
    if contact_id is None:
        raise VendorAway("fiken: the new contact is not found yet", is_unknown=True)
    async with database.transaction(scope) as session:
        agreed = await pricing.lock_pricing(session, customer.workspace_id)
        agreed.fiken_contact_id = agreed.fiken_contact_id or contact_id
    return contact_id


async def _create(
    fiken: Fiken, invoice: Invoice, lines: Sequence[InvoiceLineItem], contact_id: int
) -> int:
    """A lost answer leaves an invoice behind: search by our reference before posting."""
    found = await fiken.find_invoice(invoice.id)
    if found is not None:
        return found
    new = NewInvoice(
        id=invoice.id,
        contact_id=contact_id,
        issue_date=invoice.issue_date or date.max,
        due_date=invoice.due_date or date.max,
        lines=[Line(line.description, line.amount_ore, line.quantity) for line in lines],
    )
    made = await fiken.create_invoice(new) or await fiken.find_invoice(invoice.id)
    if made is None:
        raise VendorAway("fiken: the new invoice is not found yet", is_unknown=True)
    return made


async def _remember(
    database: Database, invoice: Invoice, contact_id: int, fiken_invoice_id: int
) -> None:
    async with database.transaction(SystemScope(invoice.workspace_id)) as session:
        await repository.set_invoice(
            session,
            invoice.workspace_id,
            invoice.id,
            fiken_contact_id=contact_id,
            fiken_invoice_id=fiken_invoice_id,
        )


async def _sent(database: Database, invoice: Invoice, seen: InvoiceSeen) -> None:
    workspace_id = invoice.workspace_id
    async with database.transaction(SystemScope(workspace_id)) as session:
        locked = await repository.get_invoice(session, workspace_id, invoice.id, lock=True)
        status = rules.after(locked.status, "delivered")
        if status is None or locked.due_date is None:
            return
        locked.status, locked.sent_at = status, datetime.now(UTC)
        locked.fiken_invoice_number = seen.number
        sides = accounts.invoice_sent(locked.net_ore, locked.vat_ore)
        await ledger.post(session, workspace_id, "invoice_sent", str(locked.id), sides, "nok")
        fact = InvoiceSent(
            workspace_id=workspace_id,
            invoice_id=locked.id,
            invoice_number=seen.number,
            net_minor_units=locked.net_ore,
            gross_minor_units=locked.gross_ore,
            currency="nok",
            due_on=locked.due_date,
        )
        await emit(session, fact)
