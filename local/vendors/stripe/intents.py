"""What happens to a payment intent, in the order Stripe tells it."""

from local.vendors.store import Document
from local.vendors.stripe import cards, money_objects
from local.vendors.stripe.account import Account
from local.vendors.stripe.errors import card_error

CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "processing")


def create(account: Account, fields: Document) -> Document:
    intent = account.save(money_objects.payment_intent(fields, account.now()))
    account.store.record(
        "payment_intents.create",
        id=intent["id"],
        amount=intent["amount"],
        currency=intent["currency"],
        metadata=intent["metadata"],
    )
    account.emit("payment_intent.created", intent)
    return intent


def succeed(account: Account, intent: Document, method: Document) -> Document:
    """Take the money: `charge.succeeded`, then `payment_intent.succeeded`."""
    if intent["setup_future_usage"] and intent["customer"]:
        attach(account, method, intent["customer"])
    charged = _charge(account, intent, method, None)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charged["id"],
        payment_method=method["id"],
        last_payment_error=None,
        next_action=None,
        processing=None,
    )
    account.save(intent)
    account.emit("charge.succeeded", charged)
    account.emit("payment_intent.succeeded", intent)
    return intent


def decline(account: Account, intent: Document, method: Document, code: str) -> Document:
    """The bank says no; the intent waits for another card."""
    charged = None if code == "authentication_required" else _charge(account, intent, method, code)
    error = card_error(code, charged["id"] if charged else None)
    shown = {name: value for name, value in method.items() if not name.startswith("_")}
    intent.update(
        status="requires_payment_method",
        last_payment_error={**error, "payment_method": shown},
        latest_charge=charged["id"] if charged else intent["latest_charge"],
        payment_method=None,
        next_action=None,
        processing=None,
    )
    account.save(intent)
    if charged:
        account.emit("charge.failed", charged)
    account.emit("payment_intent.payment_failed", intent)
    return intent


def challenge(account: Account, intent: Document, method: Document, return_url: str) -> Document:
    """Ask the cardholder: `requires_action` with the address of the 3-D Secure page."""
    url = f"{account.stand_in.address}/3ds/{intent['id']}"
    intent.update(
        status="requires_action",
        payment_method=method["id"],
        next_action={
            "type": "redirect_to_url",
            "redirect_to_url": {"return_url": return_url, "url": url},
        },
    )
    account.save(intent)
    account.emit("payment_intent.requires_action", intent)
    return intent


def process(account: Account, intent: Document, method: Document) -> Document:
    """A bank debit was begun; `POST /_settle` says later how it ended."""
    intent.update(status="processing", payment_method=method["id"])
    account.save(intent)
    account.emit("payment_intent.processing", intent)
    return intent


def cancel(account: Account, intent: Document, reason: str | None) -> Document:
    intent.update(
        status="canceled",
        canceled_at=account.now(),
        cancellation_reason=reason,
        next_action=None,
    )
    account.save(intent)
    account.store.record("payment_intents.cancel", id=intent["id"], reason=reason)
    account.emit("payment_intent.canceled", intent)
    return intent


def attach(account: Account, method: Document, customer_id: str) -> Document:
    """Save a card on a customer."""
    if method["customer"] != customer_id:
        method["customer"] = customer_id
        account.save(method)
        account.store.record("payment_methods.attach", id=method["id"], customer=customer_id)
        account.emit("payment_method.attached", method)
    return method


def pay(
    account: Account,
    intent: Document,
    method: Document,
    *,
    off_session: bool = False,
    return_url: str = "",
) -> Document:
    """Try a card on an intent and leave the intent where the bank left it."""
    said = cards.outcome(method, off_session=off_session)
    if said == "paid":
        return succeed(account, intent, method)
    if said != "challenge":
        return decline(account, intent, method, said)
    if off_session:
        return decline(account, intent, method, "authentication_required")
    return challenge(account, intent, method, return_url)


def _charge(account: Account, intent: Document, method: Document, code: str | None) -> Document:
    charged = account.save(money_objects.charge(intent, method, account.now(), code))
    account.store.record(
        "charge",
        id=charged["id"],
        status=charged["status"],
        payment_intent=intent["id"],
        amount=charged["amount"],
        currency=charged["currency"],
        metadata=charged["metadata"],
    )
    return charged
