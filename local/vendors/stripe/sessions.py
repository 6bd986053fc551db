"""What happens to a Checkout session between opening and its end."""

from local.vendors.store import Document
from local.vendors.stripe import intents, objects
from local.vendors.stripe.account import Account
from local.vendors.stripe.errors import StripeError


def intent_of(account: Account, session: Document) -> Document:
    """The session's payment intent, made when the payer first presses pay."""
    if session["payment_intent"]:
        return account.get("payment_intent", session["payment_intent"])
    wanted = session["_payment_intent_data"]
    customer_id = session["customer"] or _new_customer(account, session)
    intent = intents.create(
        account,
        {
            **wanted,
            "amount": session["amount_total"],
            "currency": session["currency"],
            "customer": customer_id,
        },
    )
    session.update(payment_intent=intent["id"], customer=customer_id)
    account.save(session)
    return intent


def _new_customer(account: Account, session: Document) -> str | None:
    saves_card = session["_payment_intent_data"].get("setup_future_usage")
    if session["customer_creation"] != "always" and not saves_card:
        return None
    fields = {"email": session["customer_email"]}
    customer = account.save(objects.customer(fields, {}, account.now()))
    account.store.record("customers.create", id=customer["id"], metadata={})
    account.emit("customer.created", customer)
    return str(customer["id"])


def complete(account: Account, session: Document, *, paid: bool) -> Document:
    """The payer is done: `checkout.session.completed`, unpaid when a bank debit still runs."""
    customer = account.store.get("customer", session["customer"] or "") or {}
    session.update(
        status="complete",
        payment_status="paid" if paid else "unpaid",
        url=None,
        customer_details={
            "address": None,
            "email": customer.get("email") or session["customer_email"],
            "name": customer.get("name"),
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
    )
    account.save(session)
    account.store.record(
        "checkout.sessions.complete",
        id=session["id"],
        payment_intent=session["payment_intent"],
        paid=paid,
        metadata=session["metadata"],
    )
    account.emit("checkout.session.completed", session)
    return session


def settle(account: Account, session: Document, *, succeeded: bool) -> Document:
    """A bank debit ended after the payer had left."""
    intent = account.get("payment_intent", session["payment_intent"])
    if intent["status"] != "processing":
        raise StripeError.invalid(f"Nothing to settle: the payment is {intent['status']}.")
    method = account.get("payment_method", intent["payment_method"])
    if succeeded:
        intents.succeed(account, intent, method)
        session["payment_status"] = "paid"
        account.save(session)
        account.emit("checkout.session.async_payment_succeeded", session)
    else:
        intents.decline(account, intent, method, "insufficient_funds")
        account.emit("checkout.session.async_payment_failed", session)
    return session


def expire(account: Account, session: Document) -> Document:
    """Close an open session; what its payer had begun is cancelled with it."""
    session.update(status="expired", url=None)
    account.save(session)
    account.store.record("checkout.sessions.expire", id=session["id"])
    intent = account.store.get("payment_intent", session["payment_intent"] or "")
    if intent and intent["status"] in intents.CANCELABLE:
        intents.cancel(account, intent, "expired")
    account.emit("checkout.session.expired", session)
    return session
