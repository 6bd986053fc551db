"""Invoices: every status with every happening, totals, and Norwegian days."""

from datetime import UTC, date, datetime
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.invoices import rules
from services.billing.ledger import rules as accounts

EXPECTED = {
    ("draft", "send"): "sending",
    ("draft", "emptied"): "cancelled",
    ("sending", "delivered"): "sent",
    ("sent", "paid"): "paid",
    ("sent", "due_date_passed"): "overdue",
    ("sent", "credited"): "credited",
    ("overdue", "paid"): "paid",
    ("overdue", "credited"): "credited",
    ("paid", "credited"): "credited",
}
EVERY = list(product(get_args(rules.InvoiceStatus), get_args(rules.InvoiceHappening)))
EVERY_LINE = list(product(get_args(rules.LineStatus), get_args(rules.LineHappening)))


@pytest.mark.parametrize(("status", "happening"), EVERY)
def test_every_status_with_every_happening(status: str, happening: rules.InvoiceHappening) -> None:
    assert rules.after(status, happening) == EXPECTED.get((status, happening))


@pytest.mark.parametrize(("status", "happening"), EVERY_LINE)
def test_every_line_status_with_every_happening(
    status: str, happening: rules.LineHappening
) -> None:
    expected = {"invoiced": "invoiced", "taken_back": "cancelled"}[happening]
    assert rules.line_after(status, happening) == (expected if status == "pending" else None)


def test_cancelled_and_credited_are_absorbing() -> None:
    for status, happening in product(("cancelled", "credited"), get_args(rules.InvoiceHappening)):
        assert rules.after(status, happening) is None


LINES = st.lists(st.integers(min_value=1, max_value=10_000_000), min_size=1, max_size=50)


@given(LINES)
def test_totals_are_the_sum_of_lines_rounded_one_by_one(lines: list[int]) -> None:
    totals = rules.totals_of(lines)
    assert totals.net_ore == sum(lines)
    assert totals.vat_ore == sum((line + 2) // 4 for line in lines)
    assert totals.gross_ore == totals.net_ore + totals.vat_ore


@given(LINES, st.booleans())
def test_every_posting_of_an_invoice_balances(lines: list[int], paid: bool) -> None:
    totals = rules.totals_of(lines)
    net, vat = totals.net_ore, totals.vat_ore
    for sides in (
        accounts.invoice_sent(net, vat),
        accounts.invoice_paid(net + vat),
        accounts.invoice_credited(net, vat, paid=paid),
        accounts.card_paid(net),
        accounts.card_overpaid(net),
        accounts.card_refunded(net, extra=paid),
        accounts.refund_failed(net, extra=paid),
        accounts.dispute_lost(net),
    ):
        assert sum(sides.values()) == 0


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_dates_are_norwegian(instant: datetime, day: date) -> None:
    assert rules.oslo_date(instant) == day


def test_the_due_date_itself_is_in_time() -> None:
    due = rules.due_on(date(2026, 2, 20), 14)
    assert due == date(2026, 3, 6)
    assert not rules.is_overdue(due, due)
    assert rules.is_overdue(due, date(2026, 3, 7))


def test_descriptions_fit_fiken() -> None:
    assert rules.description_of("video", "Storgata 1") == "AI Tour Video - Storgata 1"
    assert len(rules.description_of("photo_project", "x" * 500)) == 200
