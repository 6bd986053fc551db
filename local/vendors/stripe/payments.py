"""Payment intents and charges over the API: `/v1/payment_intents`, `/v1/charges`."""

from local.vendors.store import Document
from local.vendors.stripe import cards, intents
from local.vendors.stripe.api import Call
from local.vendors.stripe.errors import StripeError
from local.vendors.stripe.lists import page
from local.vendors.stripe.params import boolean, integer, metadata, one_of, only, required

SHOWN = ("description", "receipt_email", "setup_future_usage", "statement_descriptor")
FIELDS = frozenset(
    (
        *SHOWN,
        "amount",
        "confirm",
        "currency",
        "customer",
        "metadata",
        "off_session",
        "payment_method",
        "payment_method_types",
        "return_url",
        "automatic_payment_methods",
        "capture_method",
        "confirmation_method",
    )
)


def create(call: Call) -> Document:
    only(call.params, FIELDS)
    params = call.params
    amount = integer(required(params, "amount"), "amount", least=1)
    fields = {
        **{name: params[name] for name in SHOWN if name in params},
        "amount": amount,
        "currency": required(params, "currency").lower(),
        "metadata": metadata(params),
    }
    if "customer" in params:
        fields["customer"] = call.account.get("customer", params["customer"], param="customer")[
            "id"
        ]
    confirmed = boolean(params.get("confirm"), "confirm")
    if boolean(params.get("off_session"), "off_session") and not confirmed:
        raise StripeError.invalid("off_session needs confirm=true.", param="off_session")
    method = _method(call, fields.get("customer"))
    if confirmed and method is None:
        raise StripeError.invalid("You cannot confirm without a payment method.")
    intent = intents.create(call.account, fields)
    if method is None:
        return intent
    return _confirm(call, intent, method) if confirmed else _wait(call, intent, method)


def _method(call: Call, customer_id: str | None) -> Document | None:
    if "payment_method" not in call.params:
        return None
    method = cards.find_method(call.account, call.params["payment_method"])
    if method["customer"] not in (None, customer_id):
        message = "The payment method does not belong to the customer of this PaymentIntent."
        raise StripeError.invalid(message, param="payment_method")
    return method


def _wait(call: Call, intent: Document, method: Document) -> Document:
    intent.update(status="requires_confirmation", payment_method=method["id"])
    return call.account.save(intent)


def _confirm(call: Call, intent: Document, method: Document) -> Document:
    """Raises Stripe's 402 when the bank declines; the intent and its events stay."""
    intents.pay(
        call.account,
        intent,
        method,
        off_session=call.params.get("off_session") == "true",
        return_url=call.params.get("return_url", ""),
    )
    error = intent["last_payment_error"]
    if intent["status"] != "requires_payment_method" or error is None:
        return intent
    fields = {name: value for name, value in error.items() if name not in ("type", "message")}
    raise StripeError(402, "card_error", error["message"], **fields, payment_intent=intent)


def confirm(call: Call) -> Document:
    intent = call.account.get("payment_intent", call.ids["intent"], param="intent")
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected(intent, "confirm")
    call.params.setdefault("payment_method", required(intent | call.params, "payment_method"))
    method = _method(call, intent["customer"])
    return _confirm(call, intent, method or {})


def cancel(call: Call) -> Document:
    intent = call.account.get("payment_intent", call.ids["intent"], param="intent")
    if intent["status"] not in intents.CANCELABLE:
        raise _unexpected(intent, "cancel")
    reason = call.params.get("cancellation_reason")
    allowed = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
    if reason is not None:
        one_of(reason, "cancellation_reason", allowed)
    return intents.cancel(call.account, intent, reason)


def _unexpected(intent: Document, verb: str) -> StripeError:
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
    error = StripeError.invalid(message, code="payment_intent_unexpected_state")
    error.error["payment_intent"] = intent
    return error


def retrieve(call: Call) -> Document:
    return call.account.get("payment_intent", call.ids["intent"], param="intent")


def listed(call: Call) -> Document:
    equal = {name: call.params[name] for name in ("customer",) if name in call.params}
    return page(call.account.store.find("payment_intent", **equal), call.params, call.path)


def retrieve_charge(call: Call) -> Document:
    return call.account.get("charge", call.ids["charge"], param="charge")


def list_charges(call: Call) -> Document:
    names = ("customer", "payment_intent")
    equal = {name: call.params[name] for name in names if name in call.params}
    return page(call.account.store.find("charge", **equal), call.params, call.path)
