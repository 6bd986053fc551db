"""Payment intents and charges as Stripe shows them; amounts in minor units."""

from typing import Any

from local.vendors.store import Document
from local.vendors.stripe.account import new_id
from local.vendors.stripe.objects import NO_ADDRESS

UNSET_ON_AN_INTENT = dict.fromkeys(
    (
        "application",
        "application_fee_amount",
        "automatic_payment_methods",
        "canceled_at",
        "cancellation_reason",
        "customer",
        "description",
        "last_payment_error",
        "latest_charge",
        "next_action",
        "on_behalf_of",
        "payment_method",
        "payment_method_configuration_details",
        "processing",
        "receipt_email",
        "review",
        "setup_future_usage",
        "shipping",
        "source",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    )
)


def payment_intent(fields: dict[str, Any], now: int) -> Document:
    """`fields` hold at least `amount` and `currency`, and win over these defaults."""
    intent_id = new_id("pi")
    return {
        **UNSET_ON_AN_INTENT,
        "id": intent_id,
        "object": "payment_intent",
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_{new_id('secret')}",
        "confirmation_method": "automatic",
        "created": now,
        "livemode": False,
        "metadata": {},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        **fields,
    }


UNSET_ON_A_CHARGE = dict.fromkeys(
    (
        "application",
        "application_fee",
        "application_fee_amount",
        "balance_transaction",
        "failure_balance_transaction",
        "on_behalf_of",
        "receipt_email",
        "receipt_number",
        "receipt_url",
        "review",
        "shipping",
        "source",
        "source_transfer",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    )
)


def _outcome(decline_code: str | None) -> Document:
    paid = decline_code is None
    return {
        "network_status": "approved_by_network" if paid else "declined_by_network",
        "reason": decline_code,
        "risk_level": "normal",
        "seller_message": "Payment complete." if paid else "The bank declined the payment.",
        "type": "authorized" if paid else "issuer_declined",
    }


def charge(intent: Document, method: Document, now: int, decline_code: str | None) -> Document:
    """One attempt to take the money of an intent; failed when there is a decline code."""
    paid = decline_code is None
    return {
        **UNSET_ON_A_CHARGE,
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "amount_refunded": 0,
        "billing_details": method["billing_details"] or {"address": NO_ADDRESS},
        "calculated_statement_descriptor": "AI STUDIO",
        "captured": paid,
        "created": now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": None if paid else "card_declined",
        "failure_message": None if paid else "Your card was declined.",
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": _outcome(decline_code),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {
            "card": {
                **{name: method["card"][name] for name in CARD_ON_A_CHARGE},
                "network": "visa",
                "three_d_secure": None,
            },
            "type": "card",
        },
        "radar_options": {},
        "refunded": False,
        "status": "succeeded" if paid else "failed",
    }


CARD_ON_A_CHARGE = (
    "brand",
    "checks",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
    "wallet",
)
