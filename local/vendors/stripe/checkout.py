"""Checkout sessions over the API: `/v1/checkout/sessions`, mode `payment` only."""

from typing import Any

from local.vendors.store import Document
from local.vendors.stripe import objects, sessions
from local.vendors.stripe.account import Account, public
from local.vendors.stripe.api import Call
from local.vendors.stripe.errors import StripeError
from local.vendors.stripe.lists import page
from local.vendors.stripe.params import Params, integer, metadata, one_of, only, required

# Stored and shown, but without consequence here.
SHOWN = [
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer_creation",
    "customer_email",
    "locale",
    "submit_type",
    "success_url",
]
FIELDS = frozenset(
    (
        *SHOWN,
        "customer",
        "expires_at",
        "line_items",
        "metadata",
        "mode",
        "payment_intent_data",
        "payment_method_types",
        "ui_mode",
        "invoice_creation",
        "automatic_tax",
    )
)
LEAST_SECONDS, MOST_SECONDS = 30 * 60, 24 * 3600
# Stripe's smallest charge per currency, in minor units.
SMALLEST = {"nok": 300, "sek": 300, "dkk": 250, "eur": 50, "usd": 50, "gbp": 30}


def create(call: Call) -> Document:
    only(call.params, FIELDS)
    one_of(required(call.params, "mode"), "mode", ("payment",))
    required(call.params, "success_url")
    now = call.account.now()
    lines = [_line(item, n, now) for n, item in enumerate(required(call.params, "line_items"))]
    _check_total(lines)
    fields = _fields(call.account, call.params, now)
    session = objects.checkout_session(fields, lines, now)
    session["url"] = f"{call.account.stand_in.address}/c/pay/{session['id']}"
    call.account.save(session)
    call.account.store.record(
        "checkout.sessions.create",
        id=session["id"],
        amount=session["amount_total"],
        currency=session["currency"],
        client_reference_id=session["client_reference_id"],
        metadata=session["metadata"],
    )
    return public(session)


def _fields(account: Account, params: Params, now: int) -> Document:
    fields = {name: params[name] for name in SHOWN if name in params}
    if "customer" in params:
        if "customer_email" in params:
            raise StripeError.invalid("Specify only one of customer or customer_email.")
        customer = account.get("customer", params["customer"], param="customer")
        fields["customer"] = customer["id"]
    if "expires_at" in params:
        fields["expires_at"] = _expires_at(params["expires_at"], now)
    fields["metadata"] = metadata(params)
    wanted = params.get("payment_intent_data") or {}
    only(wanted, frozenset(["description", "metadata", "receipt_email", "setup_future_usage"]))
    if "setup_future_usage" in wanted:
        allowed = ("off_session", "on_session")
        one_of(wanted["setup_future_usage"], "payment_intent_data[setup_future_usage]", allowed)
    fields["_payment_intent_data"] = {**wanted, "metadata": metadata(wanted)}
    return fields


def _expires_at(value: Any, now: int) -> int:
    expires_at = integer(value, "expires_at", most=2**40)
    if expires_at < now + LEAST_SECONDS:
        limit = "at least 30 minutes"
    elif expires_at > now + MOST_SECONDS:
        limit = "less than 24 hours"
    else:
        return expires_at
    message = f"The `expires_at` timestamp must be {limit} from Checkout Session creation."
    raise StripeError.invalid(message, param="expires_at")


def _line(item: Any, number: int, now: int) -> Document:
    at = f"line_items[{number}]"
    price = item.get("price_data") if isinstance(item, dict) else None
    if not isinstance(price, dict):
        raise StripeError.missing(f"{at}[price_data]")
    product = price.get("product_data")
    if not isinstance(product, dict) or not product.get("name"):
        raise StripeError.missing(f"{at}[price_data][product_data][name]")
    data = {
        "currency": required(price, "currency").lower(),
        "name": product["name"],
        "unit_amount": integer(required(price, "unit_amount"), f"{at}[price_data][unit_amount]"),
    }
    quantity = integer(item.get("quantity"), f"{at}[quantity]", least=1, most=999_999)
    return objects.line_item(data, quantity, now)


def _check_total(lines: list[Document]) -> None:
    currency = lines[0]["currency"]
    if any(line["currency"] != currency for line in lines):
        raise StripeError.invalid("All line items must have the same currency.", param="line_items")
    if sum(line["amount_total"] for line in lines) < SMALLEST.get(currency, 50):
        message = "The Checkout Session's total amount due is below the smallest charge."
        raise StripeError.invalid(message, code="amount_too_small")


def retrieve(call: Call) -> Document:
    return public(call.account.get("checkout.session", call.ids["session"], param="session"))


def listed(call: Call) -> Document:
    names = ("payment_intent", "customer", "status")
    equal = {name: call.params[name] for name in names if name in call.params}
    return page(call.account.store.find("checkout.session", **equal), call.params, call.path)


def line_items(call: Call) -> Document:
    session = call.account.get("checkout.session", call.ids["session"], param="session")
    return page(list(reversed(session["_line_items"])), call.params, call.path)


def expire(call: Call) -> Document:
    session = call.account.get("checkout.session", call.ids["session"], param="session")
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of {session['status']}."
        )
        raise StripeError.invalid(message, param="session")
    return public(sessions.expire(call.account, session))
