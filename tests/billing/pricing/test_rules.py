"""Prices and VAT: by table, and for any amount."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.billing import BillableKind, PaymentMethod
from services.billing.pricing import rules

ORE = st.integers(min_value=0, max_value=100_000_000)


@pytest.mark.parametrize(
    ("method", "agreed", "amount", "currency"),
    [
        ("stripe", None, 9900, "usd"),
        ("invoice", None, 100_000, "nok"),
        ("free", None, 0, "usd"),
        ("free", 80_000, 0, "usd"),
        ("invoice", 80_000, 80_000, "nok"),
        ("stripe", 80_000, 7920, "usd"),
        ("stripe", 100_000, 9900, "usd"),
        ("stripe", 12_345, 1222, "usd"),
    ],
)
def test_price_by_method_and_agreement(
    method: PaymentMethod, agreed: int | None, amount: int, currency: str
) -> None:
    quote = rules.price_of(method, agreed)
    assert (quote.amount_minor_units, quote.currency) == (amount, currency)


@pytest.mark.parametrize(("kind", "price"), [("photo_project", 70_000), ("video", 90_000)])
def test_each_kind_has_its_own_agreement(kind: BillableKind, price: int) -> None:
    assert rules.agreed_price(kind, 70_000, 90_000) == price


@given(ORE)
def test_vat_is_a_quarter_rounded_half_up(net: int) -> None:
    exact = Decimal(net) * Decimal("0.25")
    assert rules.vat_of(net) == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@given(st.integers(min_value=0, max_value=10**12), st.integers(min_value=1, max_value=10**6))
def test_half_up_is_decimals_half_up(numerator: int, denominator: int) -> None:
    exact = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1), ROUND_HALF_UP)
    assert rules.half_up(numerator, denominator) == int(exact)


@given(st.integers(min_value=1000, max_value=100_000_000))
def test_every_agreement_can_be_charged_by_card(agreed: int) -> None:
    smallest_charge_of_stripe = 50
    assert rules.price_of("stripe", agreed).amount_minor_units >= smallest_charge_of_stripe


@pytest.mark.parametrize(
    ("plan", "approved", "number", "allowed"),
    [
        ("free", False, None, False),
        ("free", False, "923609016", False),
        ("free", True, "923609016", True),
        ("pro", True, None, False),
        ("enterprise", False, "923609016", True),
        ("enterprise", True, None, False),
    ],
)
def test_who_may_pay_by_invoice(
    plan: str, approved: bool, number: str | None, allowed: bool
) -> None:
    assert rules.may_invoice(plan, approved=approved, organization_number=number) is allowed
