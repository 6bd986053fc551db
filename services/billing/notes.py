"""Billing's notes to itself: work that calls a vendor after the decision is committed."""

from uuid import UUID

from contracts.event import PrivateEvent

NOBODY = UUID(int=0)
"""The workspace of a vendor's message that does not say whose it is."""


class StripeEventStored(PrivateEvent):
    """A signed webhook lies in stripe_event and waits to be compared with Stripe."""

    routing_key = "billing.stripe_event_stored.v1"

    stripe_event_id: str


class RefundDue(PrivateEvent):
    """Money is to go back to a card."""

    routing_key = "billing.refund_due.v1"

    refund_id: UUID


class InvoiceDeliveryDue(PrivateEvent):
    """An administrator sent an invoice: Fiken shall number and deliver it."""

    routing_key = "billing.invoice_delivery_due.v1"

    invoice_id: UUID


class CreditNoteDue(PrivateEvent):
    """A line of an issued invoice is to be credited in Fiken."""

    routing_key = "billing.credit_note_due.v1"

    credit_note_id: UUID
