"""Facts the affiliate service publishes. `workspace_id` is always the affiliate's."""

from uuid import UUID

from contracts.billing import Currency
from contracts.event import Event


class RelationshipStarted(Event):
    """The affiliate now earns on what the referred workspace pays."""

    routing_key = "affiliate.relationship_started.v1"

    relationship_id: UUID
    referred_workspace_id: UUID
    commission_percent: int


class CommissionEarned(Event):
    """One settled payment of the referred workspace earned the affiliate a commission."""

    routing_key = "affiliate.commission_earned.v1"

    earning_id: UUID
    relationship_id: UUID
    source_id: UUID
    amount_minor_units: int
    currency: Currency


class CommissionReversed(Event):
    """A refund or credit note took a commission back; the amount is negative."""

    routing_key = "affiliate.commission_reversed.v1"

    earning_id: UUID
    relationship_id: UUID
    source_id: UUID
    amount_minor_units: int
    currency: Currency


class PayoutRecorded(Event):
    """Earnings were paid out under one reference."""

    routing_key = "affiliate.payout_recorded.v1"

    payout_id: UUID
    reference: str
    amount_minor_units: int
    currency: Currency
