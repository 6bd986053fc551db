"""Customers, cards and Checkout sessions as Stripe shows them."""

from typing import Any

from local.vendors.store import Document
from local.vendors.stripe.account import new_id

NO_ADDRESS = {
    "city": None,
    "country": None,
    "line1": None,
    "line2": None,
    "postal_code": None,
    "state": None,
}


def customer(fields: dict[str, Any], metadata: dict[str, str], now: int) -> Document:
    return {
        "id": new_id("cus"),
        "object": "customer",
        "address": fields.get("address"),
        "balance": 0,
        "created": now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": fields.get("description"),
        "discount": None,
        "email": fields.get("email"),
        "invoice_prefix": new_id("")[1:9].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": metadata,
        "name": fields.get("name"),
        "next_invoice_sequence": 1,
        "phone": fields.get("phone"),
        "preferred_locales": fields.get("preferred_locales") or [],
        "shipping": None,
        "tax_exempt": fields.get("tax_exempt", "none"),
        "test_clock": None,
    }


def payment_method(number: str, holder: Document, now: int) -> Document:
    """A card; `holder` is its billing details (name, email)."""
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": {
            "address": NO_ADDRESS,
            "email": holder.get("email"),
            "name": holder.get("name"),
            "phone": None,
            "tax_id": None,
        },
        "card": {
            "brand": "visa",
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": "NO",
            "display_brand": "visa",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"print{number[-8:]}",
            "funding": "credit",
            "generated_from": None,
            "last4": number[-4:],
            "networks": {"available": ["visa"], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": now,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_number": number,
    }


def line_item(price_data: Document, quantity: int, now: int) -> Document:
    """A line of a Checkout session; `unit_amount` is already an integer of minor units."""
    unit_amount, currency = price_data["unit_amount"], price_data["currency"]
    total = unit_amount * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": price_data["name"],
        "metadata": {},
        "price": {
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": now,
            "currency": currency,
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": None,
            "metadata": {},
            "nickname": None,
            "product": new_id("prod"),
            "recurring": None,
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "one_time",
            "unit_amount": unit_amount,
            "unit_amount_decimal": str(unit_amount),
        },
        "quantity": quantity,
    }


UNSET_ON_A_SESSION = dict.fromkeys(
    (
        "after_expiration",
        "allow_promotion_codes",
        "billing_address_collection",
        "cancel_url",
        "client_reference_id",
        "client_secret",
        "collected_information",
        "consent",
        "consent_collection",
        "currency_conversion",
        "customer",
        "customer_creation",
        "customer_details",
        "customer_email",
        "invoice",
        "invoice_creation",
        "locale",
        "origin_context",
        "payment_intent",
        "payment_link",
        "payment_method_configuration_details",
        "permissions",
        "recovered_from",
        "saved_payment_method_options",
        "setup_intent",
        "shipping_address_collection",
        "shipping_cost",
        "submit_type",
        "subscription",
        "success_url",
        "url",
        "wallet_options",
    )
)


def checkout_session(fields: dict[str, Any], lines: list[Document], now: int) -> Document:
    """An open session; `fields` are validated parameters and win over these defaults."""
    total = sum(line["amount_total"] for line in lines)
    return {
        **UNSET_ON_A_SESSION,
        "id": new_id("cs_test"),
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": now,
        "currency": lines[0]["currency"],
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "discounts": [],
        "expires_at": now + 24 * 3600,
        "livemode": False,
        "metadata": {},
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        **fields,
        "_line_items": lines,
    }
