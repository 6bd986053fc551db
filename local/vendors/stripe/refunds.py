"""Money back: `/v1/refunds`, never more than was taken."""

from local.vendors.store import Document
from local.vendors.stripe import reversal_objects
from local.vendors.stripe.account import Account
from local.vendors.stripe.api import Call
from local.vendors.stripe.errors import StripeError
from local.vendors.stripe.lists import page
from local.vendors.stripe.params import integer, metadata, one_of, only

FIELDS = frozenset(
    ["amount", "charge", "instructions_email", "metadata", "payment_intent", "reason"]
)
REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(call: Call) -> Document:
    """Refund a charge in full or in part; raises when nothing, or too little, is left."""
    only(call.params, FIELDS)
    charged = _charge(call)
    amount = _amount(call, charged)
    if "reason" in call.params:
        one_of(call.params["reason"], "reason", REASONS)
    fields = {"metadata": metadata(call.params), "reason": call.params.get("reason")}
    refund = call.account.save(reversal_objects.refund(charged, amount, fields, call.account.now()))
    before = charged["amount_refunded"]
    _give_back(call.account, charged, amount)
    call.account.store.record(
        "refunds.create",
        id=refund["id"],
        charge=charged["id"],
        payment_intent=charged["payment_intent"],
        amount=amount,
        currency=refund["currency"],
        metadata=refund["metadata"],
    )
    call.account.emit("refund.created", refund)
    call.account.emit("charge.refunded", charged, amount_refunded=before)
    call.account.emit("refund.updated", refund)
    return refund


def _charge(call: Call) -> Document:
    if "charge" in call.params:
        return call.account.get("charge", call.params["charge"], param="charge")
    intent_id = call.params.get("payment_intent")
    if not intent_id:
        raise StripeError.invalid(
            "One of the following params should be provided: charge or payment_intent."
        )
    intent = call.account.get("payment_intent", intent_id, param="payment_intent")
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
        raise StripeError.invalid(message, param="payment_intent")
    return call.account.get("charge", intent["latest_charge"])


def _amount(call: Call, charged: Document) -> int:
    left = charged["amount"] - charged["amount_refunded"]
    if not charged["paid"]:
        raise StripeError.invalid("This charge has not been paid.", param="charge")
    disputes = call.account.store.find("dispute", charge=charged["id"])
    if any(dispute["status"] != "won" for dispute in disputes):
        message = f"Charge {charged['id']} has been charged back; cannot issue a refund."
        raise StripeError.invalid(message, code="charge_disputed")
    if left == 0:
        message = f"Charge {charged['id']} has already been refunded."
        raise StripeError.invalid(message, code="charge_already_refunded")
    amount = integer(call.params.get("amount", left), "amount", least=1)
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise StripeError.invalid(message, param="amount")
    return amount


def _give_back(account: Account, charged: Document, amount: int) -> None:
    charged["amount_refunded"] += amount
    charged["refunded"] = charged["amount_refunded"] == charged["amount"]
    account.save(charged)


def fail(account: Account, refund: Document) -> Document:
    """The payer's bank sent the money back: it counts as not refunded again."""
    if refund["status"] != "succeeded":
        raise StripeError.invalid(f"This refund is {refund['status']} already.")
    refund.update(status="failed", failure_reason="expired_or_canceled_card")
    account.save(refund)
    _give_back(account, account.get("charge", refund["charge"]), -refund["amount"])
    account.store.record("refunds.fail", id=refund["id"], amount=refund["amount"])
    account.emit("refund.updated", refund, status="succeeded")
    account.emit("charge.refund.updated", refund, status="succeeded")
    account.emit("refund.failed", refund)
    return refund


def retrieve(call: Call) -> Document:
    return call.account.get("refund", call.ids["refund"], param="refund")


def listed(call: Call) -> Document:
    names = ("charge", "payment_intent")
    equal = {name: call.params[name] for name in names if name in call.params}
    return page(call.account.store.find("refund", **equal), call.params, call.path)
