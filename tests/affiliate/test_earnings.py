"""Commissions: once for a payment, taken back with its refunds, in whatever order facts arrive."""

import asyncio
import csv
import io
from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chassis.database import SystemScope
from contracts.event import Event
from contracts.identity import WorkspaceCreated
from services.affiliate.earnings.use_cases import CurrencyDiffers
from tests.affiliate.conftest import (
    Affiliate,
    card_paid,
    invoice_credited,
    invoice_paid,
    refunded,
)


async def test_a_paid_invoice_earns_the_commission(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair(percent=15)
    paid = invoice_paid(referred, 100_003)
    await affiliate.hear(paid)
    [earning] = (await affiliate.earnings_of(one))["items"]
    assert (earning["source_type"], earning["source_id"]) == ("invoice", str(paid.invoice_id))
    assert (earning["base_amount_minor_units"], earning["commission_percent"]) == (100_003, 15)
    assert (earning["earning_amount_minor_units"], earning["currency"]) == (15_000, "nok")
    assert earning["status"] == "pending"
    [earned], reversed_ = await affiliate.facts_of(one)
    assert (earned.workspace_id, earned.source_id) == (one, paid.invoice_id)
    assert (earned.amount_minor_units, earned.currency) == (15_000, "nok")
    assert reversed_ == []


async def test_twenty_parallel_payments_of_one_invoice_earn_once(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    first = invoice_paid(referred, 100_000)
    others = [invoice_paid(referred, 100_000, first.invoice_id) for _ in range(9)]
    await asyncio.gather(*(affiliate.hear(fact) for fact in [first, first, *others, *others]))
    assert await affiliate.amounts_of(one) == [20_000]
    earned, _ = await affiliate.facts_of(one)
    assert len(earned) == 1


async def test_a_card_payment_earns_and_other_methods_do_not(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    await affiliate.hear(card_paid(referred, 9_900))
    await affiliate.hear(card_paid(referred, 0, method="free"))
    await affiliate.hear(card_paid(referred, 100_000, method="invoice", currency="nok"))
    await affiliate.hear(card_paid(referred, 0))
    assert await affiliate.amounts_of(one) == [1_980]


async def test_nobody_earns_on_a_workspace_nobody_brought(affiliate: Affiliate) -> None:
    alone = await affiliate.workspace(plan="enterprise")
    paid = card_paid(alone, 9_900)
    await affiliate.hear(paid)
    await affiliate.hear(refunded(paid, 9_900))
    assert await affiliate.amounts_of(alone) == []


async def test_partial_refunds_never_take_back_more_than_was_earned(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair(percent=33)
    paid = card_paid(referred, 100)
    await affiliate.hear(paid)
    for _ in range(3):
        await affiliate.hear(refunded(paid, 33))
    await affiliate.hear(refunded(paid, 500))
    amounts = await affiliate.amounts_of(one)
    assert sum(amounts) == 0
    assert amounts[-1] == 33
    assert all(amount <= 0 for amount in amounts[:-1])


async def test_a_refund_told_twice_is_taken_back_once(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    paid = invoice_paid(referred, 100_000)
    credited = invoice_credited(paid, 25_000)
    told_again = credited.model_copy(update={"event_id": uuid4()})
    await affiliate.hear(paid)
    await asyncio.gather(*(affiliate.hear(f) for f in [credited, credited, told_again]))
    assert sorted(await affiliate.amounts_of(one)) == [-5_000, 20_000]
    _, [reversal] = await affiliate.facts_of(one)
    assert reversal.amount_minor_units == -5_000


async def test_every_order_of_sign_up_payment_and_refunds_ends_the_same(
    affiliate: Affiliate,
) -> None:
    one = await affiliate.workspace(plan="enterprise")
    path = "/v1/affiliate/referral-code"
    code = (await affiliate.client_of(one).get(path)).json()["referral_code"]
    orders = list(permutations(range(4)))
    for order in orders:
        signed_up = WorkspaceCreated(
            workspace_id=uuid4(),
            name="New",
            owner_id=uuid4(),
            plan="free",
            status="active",
            referral_code=code,
        )
        paid = card_paid(signed_up.workspace_id, 9_999)
        facts: list[Event] = [signed_up, paid, refunded(paid, 3_333), refunded(paid, 1)]
        for number in order:
            await affiliate.hear(facts[number])
    [total] = (await affiliate.earnings_of(one))["totals"]
    on_what_stayed = (6_665 * 20 + 50) // 100
    assert total["pending_minor_units"] == on_what_stayed * len(orders)
    earned, reversed_ = await affiliate.facts_of(one)
    assert (len(earned), len(reversed_)) == (len(orders), 2 * len(orders))


async def test_payment_refund_and_sign_up_at_once_lose_nothing(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    for _ in range(5):
        paid = card_paid(referred, 10_000)
        await asyncio.gather(
            *(affiliate.hear(f) for f in (refunded(paid, 2_500), paid, refunded(paid, 2_500)))
        )
    [total] = (await affiliate.earnings_of(one))["totals"]
    assert total["pending_minor_units"] == 5 * 1_000


async def test_the_relationship_in_force_at_payment_earns(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    paid_in_time = invoice_paid(referred, 100_000)
    query = {"affiliate_workspace_id": str(one)}
    path = "/v1/admin/affiliate/relationships"
    [row] = (await affiliate.admin.get(path, params=query)).json()["items"]
    await affiliate.admin.patch(f"{path}/{row['id']}", json={"is_active": False})
    successor = await affiliate.workspace(plan="enterprise")
    assert (await affiliate.start(successor, referred, commission_percent=10)).status_code == 201
    early = invoice_paid(referred, 500_000)
    before = early.model_copy(update={"occurred_at": early.occurred_at - timedelta(days=1)})
    for fact in (paid_in_time, before, invoice_paid(referred, 100_000)):
        await affiliate.hear(fact)
    assert await affiliate.amounts_of(one) == [20_000]
    assert await affiliate.amounts_of(successor) == [10_000]


async def test_a_refund_in_another_currency_waits_for_a_person(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    paid = card_paid(referred, 9_900)
    await affiliate.hear(paid)
    wrong = refunded(paid, 100).model_copy(update={"currency": "nok"})
    with pytest.raises(CurrencyDiffers):
        await affiliate.hear(wrong)
    assert await affiliate.amounts_of(one) == [1_980]


async def test_earnings_are_read_page_by_page_and_as_a_statement(affiliate: Affiliate) -> None:
    one, referred = await affiliate.pair()
    for net in (1_000, 2_000, 3_000):
        await affiliate.hear(invoice_paid(referred, net))
    client = affiliate.client_of(one)
    first = (await client.get("/v1/affiliate/earnings", params={"limit": 2})).json()
    rest = (
        await client.get("/v1/affiliate/earnings", params={"cursor": first["next_cursor"]})
    ).json()
    amounts = [e["earning_amount_minor_units"] for e in first["items"] + rest["items"]]
    assert amounts == [600, 400, 200]
    assert rest["next_cursor"] is None
    [total] = first["totals"]
    assert total == {"currency": "nok", "pending_minor_units": 1_200, "paid_out_minor_units": 0}
    answer = await client.get("/v1/affiliate/statement.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["earning_amount_minor_units"] for line in lines] == ["600", "400", "200"]


async def test_a_member_sees_no_money(affiliate: Affiliate) -> None:
    member = affiliate.client_of(uuid4(), role="member")
    for path in ("earnings", "payouts", "statement.csv", "relationships"):
        answer = await member.get(f"/v1/affiliate/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM affiliate_earning",
        "UPDATE affiliate_earning SET earning_amount_minor_units = 1",
        "UPDATE affiliate_earning SET currency = 'usd'",
    ],
)
async def test_an_earning_keeps_its_history(affiliate: Affiliate, change: str) -> None:
    one, referred = await affiliate.pair()
    await affiliate.hear(invoice_paid(referred, 100_000))
    with pytest.raises(DBAPIError, match=r"history|append-only"):
        async with affiliate.database.transaction(SystemScope(one)) as session:
            await session.execute(text(change))
