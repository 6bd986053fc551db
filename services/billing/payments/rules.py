"""Who may pay, how a payment moves, and what a Checkout session means for it; no I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from contracts.caller import Caller
from services.billing.pricing.rules import half_up

PaymentStatus = Literal["pending", "completed", "failed", "refunded"]
Happening = Literal["paid", "failed", "refunded", "refund_failed"]

TRANSITIONS: dict[tuple[str, Happening], PaymentStatus] = {
    ("pending", "paid"): "completed",
    ("pending", "failed"): "failed",
    ("completed", "refunded"): "refunded",
    ("refunded", "refunded"): "refunded",
    ("refunded", "refund_failed"): "completed",
}
"""Everything else changes nothing: a late `expired` never undoes a completion."""

REUSE_MARGIN = timedelta(minutes=1)
RESUME_WITHIN = timedelta(minutes=20)
"""Longer, and what Stripe was asked would be refused for its expiry."""


def after(status: str, happening: Happening) -> PaymentStatus | None:
    """The next status; None when this changes nothing."""
    return TRANSITIONS.get((status, happening))


def may_pay(caller: Caller, creator_id: UUID) -> bool:
    """Owner and admin for every project, a member for their own; nobody while impersonating."""
    if caller.impersonator_id is not None or not _has_scope(caller, "payments:write"):
        return False
    return caller.role in ("owner", "admin") or caller.member_id == creator_id


def may_view_billing(caller: Caller) -> bool:
    """Members have no access to billing (seed 000)."""
    return caller.role in ("owner", "admin") and _has_scope(caller, "payments:read")


def may_view_payment(caller: Caller, payer_id: UUID) -> bool:
    """A member sees what they pay for themselves."""
    own = caller.member_id == payer_id and _has_scope(caller, "payments:read")
    return own or may_view_billing(caller)


def _has_scope(caller: Caller, scope: str) -> bool:
    return caller.scopes is None or scope in caller.scopes


def has_free_project(workspace_status: str, *, used: int, allowance: int) -> bool:
    return workspace_status == "trial" and used < allowance


class Verdict(StrEnum):
    """What a session means for its payment."""

    FULFIL = "fulfil"
    FAIL = "fail"
    REFUND_EXTRA = "refund_extra"
    MISMATCH = "mismatch"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Told:
    """A session's state compared with the payment it names."""

    is_paid: bool
    is_over: bool
    """Expired, or the bank said no in the end."""
    matches: bool
    """Amount, currency and everything it names are the payment's own."""
    is_the_paying_one: bool
    has_open_siblings: bool


def judge(status: str, told: Told) -> Verdict:
    """In any order and any number of times the same end: money once, the rest given back."""
    if told.is_paid:
        if not told.matches:
            return Verdict.MISMATCH
        if status == "pending":
            return Verdict.FULFIL
        return Verdict.NOTHING if told.is_the_paying_one else Verdict.REFUND_EXTRA
    if told.is_over and status == "pending" and not told.has_open_siblings:
        return Verdict.FAIL
    return Verdict.NOTHING


class NextPage(StrEnum):
    """What to do for a payer who wants a pay page."""

    REUSE = "reuse"
    RESUME = "resume"
    OPEN = "open"


@dataclass(frozen=True)
class LastPage:
    """The newest attempt to open a pay page."""

    status: str
    created_at: datetime
    expires_at: datetime


def next_page(last: LastPage | None, now: datetime) -> NextPage:
    """Reuse an open page, repeat a question whose answer was lost, else ask anew."""
    if last is None:
        return NextPage.OPEN
    if last.status == "open" and now < last.expires_at - REUSE_MARGIN:
        return NextPage.REUSE
    if last.status == "opening" and now < last.created_at + RESUME_WITHIN:
        return NextPage.RESUME
    return NextPage.OPEN


REFUND_SUCCEEDED = ("succeeded", "pending", "requires_action")
"""Stripe's `pending` has left our account too; a later `failed` brings it back."""


def is_refund_given(stripe_status: str) -> bool:
    return stripe_status in REFUND_SUCCEEDED


def ended_empty(completed_count: int, *, delivered: bool) -> bool:
    """True when the customer has nothing of it, now or from before."""
    return not delivered and completed_count == 0


@dataclass(frozen=True)
class Share:
    """One of `of` equal parts of a price; the reason names it, so that it goes back once."""

    reason: str
    of: int

    def of_price(self, amount_minor_units: int) -> int:
        """Half a minor unit is rounded up, for the customer."""
        return half_up(amount_minor_units, self.of)
