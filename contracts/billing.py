"""Facts the billing service publishes. Amounts are integers in minor units (cents, øre)."""

from datetime import date
from typing import Literal
from uuid import UUID

from contracts.event import Event

BillableKind = Literal["photo_project", "video"]
PaymentMethod = Literal["stripe", "invoice", "free"]
Currency = Literal["usd", "nok"]


class ProjectPaid(Event):
    """A photo project or video may start: paid by card, accepted for invoice, or free."""

    routing_key = "billing.project_paid.v1"

    payment_id: UUID
    billable_kind: BillableKind
    billable_id: UUID
    method: PaymentMethod
    amount_minor_units: int
    currency: Currency


class PaymentFailed(Event):
    """A payment ended without money; `reason` is a stable code."""

    routing_key = "billing.payment_failed.v1"

    payment_id: UUID
    billable_kind: BillableKind
    billable_id: UUID
    reason: str


class PaymentRefunded(Event):
    """Money went back to the card; `refunded_minor_units` is this refund alone."""

    routing_key = "billing.payment_refunded.v1"

    payment_id: UUID
    billable_kind: BillableKind
    billable_id: UUID
    refund_id: str
    refunded_minor_units: int
    currency: Currency


class InvoiceSent(Event):
    """Fiken numbered the invoice and sent it; net is without VAT."""

    routing_key = "billing.invoice_sent.v1"

    invoice_id: UUID
    invoice_number: str
    net_minor_units: int
    gross_minor_units: int
    currency: Currency
    due_on: date


class InvoicePaid(Event):
    """The customer paid the invoice; net is without VAT."""

    routing_key = "billing.invoice_paid.v1"

    invoice_id: UUID
    invoice_number: str
    net_minor_units: int
    currency: Currency


class InvoiceOverdue(Event):
    """The due date passed without payment."""

    routing_key = "billing.invoice_overdue.v1"

    invoice_id: UUID
    invoice_number: str
    due_on: date


class InvoiceCredited(Event):
    """A credit note took back all or a part of the invoice; net is without VAT."""

    routing_key = "billing.invoice_credited.v1"

    invoice_id: UUID
    credit_note_id: str
    net_minor_units: int
    currency: Currency
