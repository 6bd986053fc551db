"""Verbs of invoices: add a line, draft, send, deliver, settle, credit."""

from services.billing.invoices.use_cases.credit import deliver_credit_note
from services.billing.invoices.use_cases.deliver import deliver_invoice
from services.billing.invoices.use_cases.draft import (
    add_line,
    draft_invoice,
    send_invoice,
)
from services.billing.invoices.use_cases.settle import (
    mark_paid,
    repeat_notes,
    sync_invoice,
    sync_open,
)
from services.billing.invoices.use_cases.taking_back import reduce_line, take_back_line

__all__ = [
    "add_line",
    "deliver_credit_note",
    "deliver_invoice",
    "draft_invoice",
    "mark_paid",
    "reduce_line",
    "repeat_notes",
    "send_invoice",
    "sync_invoice",
    "sync_open",
    "take_back_line",
]
