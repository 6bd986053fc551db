"""Stripe's published test cards, and what each of them does."""

from local.vendors.store import Document
from local.vendors.stripe.account import Account
from local.vendors.stripe.objects import payment_method

GOOD = "4242424242424242"
DECLINED = "4000000000000002"
NO_FUNDS = "4000000000009995"
SAVES_THEN_DECLINES = "4000000000000341"
AUTHENTICATE_ONCE = "4000002500003155"
AUTHENTICATE_ALWAYS = "4000002760003184"

NAMES = {
    GOOD: "pays",
    DECLINED: "is declined",
    NO_FUNDS: "has insufficient funds",
    SAVES_THEN_DECLINES: "can be saved, then is declined",
    AUTHENTICATE_ONCE: "asks for 3-D Secure now, not later",
    AUTHENTICATE_ALWAYS: "asks for 3-D Secure every time",
}
TOKENS = {
    "pm_card_visa": GOOD,
    "pm_card_visa_chargeDeclined": DECLINED,
    "pm_card_chargeDeclined": DECLINED,
    "pm_card_chargeDeclinedInsufficientFunds": NO_FUNDS,
    "pm_card_chargeCustomerFail": SAVES_THEN_DECLINES,
    "pm_card_authenticationRequiredOnSetup": AUTHENTICATE_ONCE,
    "pm_card_authenticationRequired": AUTHENTICATE_ALWAYS,
}
DECLINES = {
    DECLINED: "generic_decline",
    NO_FUNDS: "insufficient_funds",
    SAVES_THEN_DECLINES: "generic_decline",
}


def outcome(method: Document, *, off_session: bool) -> str:
    """What the bank says: `paid`, `challenge`, or a decline code."""
    number = method["_number"]
    if number == AUTHENTICATE_ALWAYS or (number == AUTHENTICATE_ONCE and not off_session):
        return "challenge"
    return DECLINES.get(number, "paid")


def find_method(account: Account, method_id: str) -> Document:
    """A payment method by id; a test token such as `pm_card_visa` makes a new one."""
    if method_id in TOKENS:
        return account.save(payment_method(TOKENS[method_id], {}, account.now()))
    return account.get("payment_method", method_id, param="payment_method")
