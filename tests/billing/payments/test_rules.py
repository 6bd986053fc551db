"""Payments: every status with every happening, every session in every order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from typing import Any, get_args
from uuid import uuid4

import pytest

from services.billing.payments import rules
from services.billing.payments.rules import LastPage, NextPage, Told, Verdict
from tests.support.services import make_caller

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXPECTED = {
    ("pending", "paid"): "completed",
    ("pending", "failed"): "failed",
    ("completed", "refunded"): "refunded",
    ("refunded", "refunded"): "refunded",
    ("refunded", "refund_failed"): "completed",
}
EVERY = list(product(get_args(rules.PaymentStatus), get_args(rules.Happening)))


@pytest.mark.parametrize(("status", "happening"), EVERY)
def test_every_status_with_every_happening(status: str, happening: rules.Happening) -> None:
    assert rules.after(status, happening) == EXPECTED.get((status, happening))


def test_failed_is_absorbing() -> None:
    assert all(rules.after("failed", h) is None for h in get_args(rules.Happening))


def told(**changed: bool) -> Told:
    usual: dict[str, bool] = {
        "is_paid": False,
        "is_over": False,
        "matches": True,
        "is_the_paying_one": False,
        "has_open_siblings": False,
    }
    return Told(**{**usual, **changed})


@pytest.mark.parametrize(
    ("status", "seen", "verdict"),
    [
        ("pending", told(), Verdict.NOTHING),
        ("pending", told(is_paid=True), Verdict.FULFIL),
        ("pending", told(is_paid=True, matches=False), Verdict.MISMATCH),
        ("pending", told(is_over=True), Verdict.FAIL),
        ("pending", told(is_over=True, has_open_siblings=True), Verdict.NOTHING),
        ("completed", told(is_over=True), Verdict.NOTHING),
        ("completed", told(is_paid=True, is_the_paying_one=True), Verdict.NOTHING),
        ("completed", told(is_paid=True), Verdict.REFUND_EXTRA),
        ("refunded", told(is_paid=True, is_the_paying_one=True), Verdict.NOTHING),
        ("refunded", told(is_paid=True), Verdict.REFUND_EXTRA),
        ("failed", told(is_paid=True), Verdict.REFUND_EXTRA),
        ("failed", told(is_over=True), Verdict.NOTHING),
    ],
)
def test_what_a_session_means(status: str, seen: Told, verdict: Verdict) -> None:
    assert rules.judge(status, seen) == verdict


@pytest.mark.parametrize(
    "order", list(permutations(["first paid", "second paid", "first paid", "first expired"]))
)
def test_any_order_takes_the_money_once(order: tuple[str, ...]) -> None:
    status, paying, kept, extra = "pending", "", set(), set()
    for news in order:
        page, what = news.split()
        # Stripe is asked again each time: a page that was paid is never shown as expired.
        seen = (
            told(is_paid=True, is_the_paying_one=page == paying, is_over=False)
            if what == "paid"
            else told(is_over=page != "first", has_open_siblings=True)
        )
        verdict = rules.judge(status, seen)
        if verdict == Verdict.FULFIL:
            status, paying = "completed", page
            kept.add(page)
        elif verdict == Verdict.REFUND_EXTRA:
            extra.add(page)
    assert (status, len(kept), kept | extra) == ("completed", 1, {"first", "second"})


def page(status: str, *, age: int, left: int) -> LastPage:
    return LastPage(status, NOW - timedelta(minutes=age), NOW + timedelta(minutes=left))


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, NextPage.OPEN),
        (page("open", age=5, left=55), NextPage.REUSE),
        (page("open", age=60, left=0), NextPage.OPEN),
        (page("opening", age=0, left=60), NextPage.RESUME),
        (page("opening", age=25, left=35), NextPage.OPEN),
        (page("expired", age=1, left=59), NextPage.OPEN),
        (page("complete", age=1, left=59), NextPage.OPEN),
    ],
)
def test_which_page_a_payer_gets(last: LastPage | None, expected: NextPage) -> None:
    assert rules.next_page(last, NOW) == expected


ME = uuid4()


@pytest.mark.parametrize(
    ("claims", "own", "pays", "views"),
    [
        ({"role": "owner"}, False, True, True),
        ({"role": "admin"}, False, True, True),
        ({"role": "member"}, False, False, False),
        ({"role": "member"}, True, True, False),
        ({"role": "owner", "impersonator_id": uuid4()}, True, False, True),
        ({"role": "owner", "scopes": frozenset({"projects:write"})}, True, False, False),
        ({"role": "owner", "scopes": frozenset({"payments:write"})}, True, True, False),
        ({"role": "owner", "scopes": frozenset({"payments:read"})}, True, False, True),
    ],
)
def test_who_may_pay_and_who_may_look(
    claims: dict[str, Any], own: bool, pays: bool, views: bool
) -> None:
    caller = make_caller(member_id=ME, **claims)
    assert rules.may_pay(caller, ME if own else uuid4()) is pays
    assert rules.may_view_billing(caller) is views


@pytest.mark.parametrize(
    ("status", "used", "free"), [("trial", 0, True), ("trial", 3, False), ("active", 0, False)]
)
def test_free_projects_belong_to_a_trial(status: str, used: int, free: bool) -> None:
    assert rules.has_free_project(status, used=used, allowance=3) is free


@pytest.mark.parametrize(
    ("completed", "delivered", "empty"), [(0, False, True), (0, True, False), (2, False, False)]
)
def test_money_goes_back_when_nothing_came(completed: int, delivered: bool, empty: bool) -> None:
    assert rules.ended_empty(completed, delivered=delivered) is empty
