"""Prices and VAT, in integers; no I/O."""

from dataclasses import dataclass

from contracts.billing import BillableKind, Currency, PaymentMethod
from contracts.caller import Caller

CARD_PRICE_US_CENTS = 9900
INVOICE_PRICE_ORE = 100_000
VAT_PERCENT = 25


@dataclass(frozen=True)
class Quote:
    """An amount in minor units (US cents, øre net of VAT) with its currency."""

    amount_minor_units: int
    currency: Currency


def half_up(numerator: int, denominator: int) -> int:
    """Division of non-negative integers, halves rounded up."""
    return (2 * numerator + denominator) // (2 * denominator)


def vat_of(net_ore: int) -> int:
    """The 25 % VAT of one line, in øre, half up."""
    return half_up(net_ore * VAT_PERCENT, 100)


def price_of(method: PaymentMethod, agreed_ore: int | None) -> Quote:
    """The price by this method; `agreed_ore` is the workspace's own net price, None for the list's.

    A card pays the list price in US cents, in the proportion the agreement has to the list price.
    """
    if method == "free":
        return Quote(0, "usd")
    if method == "invoice":
        return Quote(INVOICE_PRICE_ORE if agreed_ore is None else agreed_ore, "nok")
    if agreed_ore is None:
        return Quote(CARD_PRICE_US_CENTS, "usd")
    return Quote(half_up(CARD_PRICE_US_CENTS * agreed_ore, INVOICE_PRICE_ORE), "usd")


def agreed_price(kind: BillableKind, image_ore: int | None, video_ore: int | None) -> int | None:
    """Which of the workspace's two overrides, in øre, is meant."""
    return image_ore if kind == "photo_project" else video_ore


def may_view_prices(caller: Caller) -> bool:
    """Whoever may pay wants to know how much; a key needs a scope of payments."""
    return caller.scopes is None or not caller.scopes.isdisjoint(
        ("payments:read", "payments:write")
    )


def may_invoice(plan: str, *, approved: bool, organization_number: str | None) -> bool:
    """An organisation number, and the enterprise plan or an administrator's approval."""
    return organization_number is not None and (plan == "enterprise" or approved)
