"""Verbs of payments: create, open a pay page, settle, refund, reconcile with Stripe."""

from services.billing.payments.use_cases.checkout import open_page
from services.billing.payments.use_cases.create import (
    create_payment,
    get_billable,
    grant_free,
)
from services.billing.payments.use_cases.refunds import (
    give_back,
    pay_refund,
    reconcile_refunds,
    settle_dispute,
)
from services.billing.payments.use_cases.settle import apply_session
from services.billing.payments.use_cases.shares import give_back_share
from services.billing.payments.use_cases.stripe_events import handle_event, store_event
from services.billing.payments.use_cases.sweeps import (
    catch_up_events,
    reconcile_pages,
    repeat_notes,
)

__all__ = [
    "apply_session",
    "catch_up_events",
    "create_payment",
    "get_billable",
    "give_back",
    "give_back_share",
    "grant_free",
    "handle_event",
    "open_page",
    "pay_refund",
    "reconcile_pages",
    "reconcile_refunds",
    "repeat_notes",
    "settle_dispute",
    "store_event",
]
