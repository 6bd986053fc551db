"""Affiliate's pure decisions, by table and by property."""

from fractions import Fraction
from math import floor
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Refusal
from services.affiliate.earnings.rules import Reversal, commission_of, missing_lines
from services.affiliate.errors import NotEnterprise, ReferralCycle, SameCompany, SelfReferral
from services.affiliate.relationships.rules import (
    CODE_ALPHABET,
    Party,
    can_see_programme,
    new_code,
    normal_code,
    refusal_of,
)
from tests.support.services import make_caller

amounts = st.integers(min_value=0, max_value=10**12)
percents = st.integers(min_value=1, max_value=100)
references = st.uuids().map(str)
reversals = st.lists(
    st.builds(Reversal, references, st.integers(min_value=1, max_value=10**6)),
    max_size=6,
    unique_by=lambda reversal: reversal.reference,
)


@pytest.mark.parametrize(
    ("base", "percent", "commission"),
    [
        (100_000, 20, 20_000),
        (9_900, 20, 1_980),
        (2, 25, 1),
        (1, 50, 1),
        (1, 49, 0),
        (3, 50, 2),
        (7, 1, 0),
        (0, 100, 0),
        (999, 100, 999),
    ],
)
def test_a_commission_is_rounded_half_up(base: int, percent: int, commission: int) -> None:
    assert commission_of(base, percent) == commission


@given(amounts, percents)
def test_rounding_agrees_with_exact_arithmetic(base: int, percent: int) -> None:
    assert commission_of(base, percent) == floor(Fraction(base * percent, 100) + Fraction(1, 2))


@given(st.integers(min_value=1, max_value=10**6), percents, reversals)
def test_a_source_sums_to_the_commission_on_what_stayed(
    base: int, percent: int, taken_back: list[Reversal]
) -> None:
    lines = missing_lines(base, percent, taken_back, [])
    stayed = max(0, base - sum(r.amount_minor_units for r in taken_back))
    total = sum(line.earning_amount_minor_units for line in lines)
    assert total == commission_of(stayed, percent)
    assert 0 <= total <= commission_of(base, percent)
    assert all(line.earning_amount_minor_units <= 0 for line in lines if line.reference)
    assert len(lines) == 1 + len(taken_back)


@given(st.integers(1, 10**6), percents, reversals, st.integers(0, 6), st.randoms())
def test_booking_bit_by_bit_in_any_order_ends_the_same(
    base: int, percent: int, taken_back: list[Reversal], cut: int, random: object
) -> None:
    shuffled = list(taken_back)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    early = missing_lines(base, percent, shuffled[:cut], [])
    booked = {line.reference for line in early}
    late = missing_lines(base, percent, taken_back, booked)
    at_once = missing_lines(base, percent, taken_back, [])
    total = sum(line.earning_amount_minor_units for line in early + late)
    assert total == sum(line.earning_amount_minor_units for line in at_once)
    assert missing_lines(base, percent, taken_back, booked | {x.reference for x in late}) == []


A, B = Party(uuid4(), "enterprise", "923609016"), Party(uuid4(), "free", None)


@pytest.mark.parametrize(
    ("affiliate", "referred", "ancestors", "refusal"),
    [
        (A, B, [], None),
        (A, Party(B.workspace_id, "enterprise", "974760673"), [uuid4()], None),
        (A, A, [], SelfReferral),
        (B, A, [], NotEnterprise),
        (Party(A.workspace_id, "pro", None), B, [], NotEnterprise),
        (A, Party(B.workspace_id, "free", A.organization_number), [], SameCompany),
        (A, B, [uuid4(), B.workspace_id], ReferralCycle),
        (Party(A.workspace_id, "enterprise", None), B, [], None),
    ],
)
def test_who_may_bring_whom(
    affiliate: Party, referred: Party, ancestors: list[UUID], refusal: type[Refusal] | None
) -> None:
    assert refusal_of(affiliate, referred, ancestors) is refusal


@pytest.mark.parametrize(
    ("claims", "allowed"),
    [
        ({"role": "owner"}, True),
        ({"role": "admin"}, True),
        ({"role": "member"}, False),
        ({"role": "owner", "scopes": frozenset({"affiliate:read"})}, True),
        ({"role": "owner", "scopes": frozenset({"projects:read"})}, False),
        ({"role": "member", "scopes": frozenset({"affiliate:read"})}, False),
    ],
)
def test_who_may_see_the_programme(claims: dict[str, object], allowed: bool) -> None:
    assert can_see_programme(make_caller(**claims)) is allowed


def test_a_code_survives_being_typed_by_a_person() -> None:
    code = new_code()
    assert set(code) <= set(CODE_ALPHABET)
    assert normal_code(f" {code.lower()} ") == code
