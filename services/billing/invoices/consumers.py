"""What moves invoices: deliveries and credit notes that are due in Fiken."""

from chassis.consumers import Consumers
from chassis.database import Database
from services.billing.invoices import use_cases
from services.billing.notes import CreditNoteDue, InvoiceDeliveryDue
from services.billing.providers.fiken import Fiken

consumers = Consumers("billing")


# One at a time: Fiken takes one request at a time anyway, and invoices keep their order.
@consumers.on(InvoiceDeliveryDue, prefetch=1)
async def deliver_invoice(event: InvoiceDeliveryDue, database: Database, fiken: Fiken) -> None:
    await use_cases.deliver_invoice(database, fiken, event.workspace_id, event.invoice_id)


@consumers.on(CreditNoteDue, prefetch=1)
async def deliver_credit_note(event: CreditNoteDue, database: Database, fiken: Fiken) -> None:
    await use_cases.deliver_credit_note(database, fiken, event.workspace_id, event.credit_note_id)
