"""Payouts: everything pending, once, under one reference."""

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.database import SystemScope
from chassis.testing import emitted
from contracts.affiliate import PayoutRecorded
from tests.affiliate.conftest import Affiliate, card_paid, invoice_paid, refunded


async def pay_out(
    affiliate: Affiliate, workspace_id: UUID, reference: str, currency: str = "nok"
) -> httpx.Response:
    body = {
        "affiliate_workspace_id": str(workspace_id),
        "reference": reference,
        "currency": currency,
    }
    return await affiliate.admin.post("/v1/admin/affiliate/payouts", json=body)


async def test_a_payout_takes_everything_pending_of_one_currency(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    for net in (100_000, 50_000):
        await affiliate.hear(invoice_paid(referred, net))
    await affiliate.hear(card_paid(referred, 9_900))
    reference = f"bank {uuid4().hex}"
    answer = await pay_out(affiliate, one, reference)
    assert answer.status_code == 201
    payout = answer.json()
    assert (payout["amount_minor_units"], payout["earning_count"]) == (30_000, 2)
    earnings = await affiliate.earnings_of(one)
    in_nok = [e for e in earnings["items"] if e["currency"] == "nok"]
    assert {e["status"] for e in in_nok} == {"paid_out"}
    assert {e["paid_out_reference"] for e in in_nok} == {reference}
    assert {t["currency"]: t["pending_minor_units"] for t in earnings["totals"]} == {
        "nok": 0,
        "usd": 1_980,
    }
    [listed] = (await affiliate.client_of(one).get("/v1/affiliate/payouts")).json()["items"]
    assert listed["id"] == payout["id"]
    async with affiliate.database.transaction(SystemScope(one)) as session:
        [fact] = await emitted(session, PayoutRecorded)
    assert (fact.reference, fact.amount_minor_units) == (reference, 30_000)


async def test_paying_out_twice_is_refused(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    await affiliate.hear(invoice_paid(referred, 100_000))
    reference = uuid4().hex
    assert (await pay_out(affiliate, one, reference)).status_code == 201
    again = await pay_out(affiliate, one, reference)
    assert (again.status_code, again.json()["code"]) == (409, "payout_reference_used")
    other = await pay_out(affiliate, one, uuid4().hex)
    assert (other.status_code, other.json()["code"]) == (409, "nothing_to_pay_out")


async def test_payouts_at_once_pay_each_earning_once(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    for _ in range(3):
        await affiliate.hear(invoice_paid(referred, 100_000))
    answers = await asyncio.gather(*(pay_out(affiliate, one, uuid4().hex) for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409]


async def test_a_reference_of_another_affiliate_is_refused(affiliate: Affiliate) -> None:
    reference = uuid4().hex
    for expected in (201, 409):
        one, referred = await affiliate.pair()
        await affiliate.hear(invoice_paid(referred, 100_000))
        assert (await pay_out(affiliate, one, reference)).status_code == expected
    assert (await pay_out(affiliate, one, uuid4().hex)).status_code == 201


async def test_a_refund_after_the_payout_is_taken_from_the_next(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    paid = card_paid(referred, 10_000)
    await affiliate.hear(paid)
    assert (await pay_out(affiliate, one, uuid4().hex, "usd")).status_code == 201
    await affiliate.hear(refunded(paid, 10_000))
    owed = await pay_out(affiliate, one, uuid4().hex, "usd")
    assert (owed.status_code, owed.json()["code"]) == (409, "nothing_to_pay_out")
    await affiliate.hear(card_paid(referred, 15_000))
    last = await pay_out(affiliate, one, uuid4().hex, "usd")
    assert (last.json()["amount_minor_units"], last.json()["earning_count"]) == (1_000, 2)


@pytest.mark.parametrize("reference", ["", "=1+1", "@sum", "x" * 101, "a\nb"])
async def test_a_reference_is_plain_text(affiliate: Affiliate, reference: str) -> None:
    assert (await pay_out(affiliate, uuid4(), reference)).status_code == 422


async def test_what_was_paid_out_is_never_changed(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    await affiliate.hear(invoice_paid(referred, 100_000))
    await pay_out(affiliate, one, uuid4().hex)
    for change in (
        "UPDATE affiliate_earning SET status = 'pending', payout_id = NULL,"
        " paid_out_at = NULL, paid_out_reference = NULL",
        "UPDATE affiliate_earning SET paid_out_reference = 'another'",
        "UPDATE payout SET amount_minor_units = 1",
        "DELETE FROM payout",
    ):
        with pytest.raises(DBAPIError, match=r"history|append-only"):
            async with affiliate.database.transaction(SystemScope(one)) as session:
                await session.execute(text(change))
