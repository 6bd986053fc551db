"""Charge-backs: opened and decided on demand, read over `/v1/disputes`."""

from local.vendors.store import Document
from local.vendors.stripe import reversal_objects
from local.vendors.stripe.account import Account
from local.vendors.stripe.api import Call
from local.vendors.stripe.errors import StripeError
from local.vendors.stripe.lists import page


def open_dispute(account: Account, charged: Document, amount: int | None) -> Document:
    """The cardholder complains; the money is withdrawn at once. `amount`: None is all of it."""
    if charged["disputed"]:
        raise StripeError.invalid("This charge is disputed already.", param="charge")
    disputed = amount or charged["amount"]
    dispute = account.save(reversal_objects.dispute(charged, disputed, account.now()))
    charged["disputed"] = True
    account.save(charged)
    account.store.record(
        "disputes.create", id=dispute["id"], charge=charged["id"], amount=dispute["amount"]
    )
    account.emit("charge.dispute.created", dispute)
    account.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close(account: Account, charged: Document, status: str) -> Document:
    """The bank decides `won` (the money comes back) or `lost`."""
    for dispute in account.store.find("dispute", charge=charged["id"]):
        if dispute["status"] not in ("won", "lost"):
            return _close(account, dispute, status)
    raise StripeError.no_such("open dispute of charge", charged["id"], param="charge")


def _close(account: Account, dispute: Document, status: str) -> Document:
    before = dispute["status"]
    dispute["status"] = status
    account.save(dispute)
    account.store.record("disputes.close", id=dispute["id"], status=status)
    if status == "won":
        account.emit("charge.dispute.funds_reinstated", dispute)
    account.emit("charge.dispute.closed", dispute, status=before)
    return dispute


def retrieve(call: Call) -> Document:
    return call.account.get("dispute", call.ids["dispute"], param="dispute")


def listed(call: Call) -> Document:
    names = ("charge", "payment_intent")
    equal = {name: call.params[name] for name in names if name in call.params}
    return page(call.account.store.find("dispute", **equal), call.params, call.path)
