"""Card payments through Stripe's own client, its pay page and its signed webhooks."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from contracts.billing import PaymentFailed, PaymentRefunded, ProjectPaid
from services.billing.payments import use_cases
from services.billing.tables import Alarm, LedgerEntry, ProjectPayment, Refund
from tests.billing.bench import Bench


async def test_paying_the_page_completes_the_payment_and_says_so_once(bench: Bench) -> None:
    caller = await bench.workspace()
    project = await bench.project(caller)
    answer = await bench.pay(caller, project)
    assert answer.status_code == 201, answer.text
    payment = answer.json()
    assert (payment["status"], payment["amount_minor_units"], payment["currency"]) == (
        "pending",
        9900,
        "usd",
    )

    assert (await bench.press(payment["checkout_url"])).status_code == 303
    await bench.told(caller, "checkout.session.completed")
    await bench.work_off(caller.workspace_id)

    assert (await bench.show(caller, payment))["status"] == "completed"
    [paid] = await bench.facts(caller, ProjectPaid)
    assert (paid.billable_id, paid.method, paid.amount_minor_units) == (project, "stripe", 9900)
    assert len(bench.charges(payment)) == 1
    sums = select(LedgerEntry.account, func.sum(LedgerEntry.amount_minor_units))
    posted = dict(await bench.rows(caller, sums.group_by(LedgerEntry.account)))
    assert posted == {"stripe_clearing": 9900, "revenue": -9900}


async def test_duplicate_and_reordered_webhooks_pay_once(bench: Bench) -> None:
    caller = await bench.workspace()
    bench.stripe_fault("webhook", "duplicate", times=6)
    bench.stripe_fault("webhook", "reorder", times=2)
    payment = await bench.paid_by_card(caller, await bench.project(caller))
    await bench.told(caller, "payment_intent.succeeded")
    await bench.work_off(caller.workspace_id)
    assert len(await bench.facts(caller, ProjectPaid)) == 1
    assert len(await bench.told(caller, "checkout.session.completed")) == 1
    assert (await bench.show(caller, payment))["status"] == "completed"


async def test_twenty_requests_for_one_project_open_one_page(bench: Bench) -> None:
    caller = await bench.workspace()
    project = await bench.project(caller)
    answers = await asyncio.gather(*(bench.pay(caller, project) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len({answer.json()["checkout_url"] for answer in answers}) == 1
    opened = bench.stripe_stand_in.journal.entries("checkout.sessions.create")
    mine = [e for e in opened if e["metadata"]["billable_id"] == str(project)]
    assert len(mine) == 1


@pytest.mark.parametrize("kind", ["error", "timeout_after", "timeout_before", "rate_limited"])
async def test_a_page_opens_after_stripe_failed(bench: Bench, kind: str) -> None:
    caller = await bench.workspace()
    project = await bench.project(caller)
    # The client repeats once by itself, but not when it is told to slow down.
    times = 1 if kind == "rate_limited" else 2
    bench.stripe_fault("checkout.sessions.create", kind, times=times, seconds=0.05)
    answer = await bench.pay(caller, project)
    if answer.status_code == 503:
        assert answer.json()["code"] == "stripe_unavailable"
        answer = await bench.pay(caller, project)
    assert answer.status_code == 201, answer.text
    assert (await bench.press(answer.json()["checkout_url"])).status_code == 303


async def test_a_page_stripe_refuses_fails_the_payment_and_another_may_follow(
    bench: Bench,
) -> None:
    caller = await bench.workspace()
    project = await bench.project(caller)
    bench.stripe_fault("checkout.sessions.create", "error", status=400)
    answer = await bench.pay(caller, project)
    assert (answer.status_code, answer.json()["code"]) == (422, "checkout_refused")
    [fact] = await bench.facts(caller, PaymentFailed)
    assert fact.reason == "checkout_refused"
    assert (await bench.pay(caller, project)).status_code == 201


async def test_an_expired_page_fails_the_payment(bench: Bench) -> None:
    caller = await bench.workspace()
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    [session_id] = await stripe_sessions(bench, payment)
    await bench.stripe._client.v1.checkout.sessions.expire_async(session_id)
    await bench.told(caller, "checkout.session.expired")
    await bench.work_off(caller.workspace_id)
    shown = await bench.show(caller, payment)
    assert (shown["status"], shown["reason"]) == ("failed", "checkout_expired")
    assert len(await bench.facts(caller, PaymentFailed)) == 1


async def stripe_sessions(bench: Bench, payment: dict[str, str]) -> list[str]:
    opened = bench.stripe_stand_in.journal.entries("checkout.sessions.create")
    return [e["id"] for e in opened if e["metadata"].get("payment_id") == payment["id"]]


@pytest.mark.parametrize(("outcome", "status"), [("succeeded", "completed"), ("failed", "failed")])
async def test_an_unpaid_completion_waits_for_the_bank(
    bench: Bench, outcome: str, status: str
) -> None:
    caller = await bench.workspace()
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    await bench.press(payment["checkout_url"], "bank")
    await bench.told(caller, "checkout.session.completed")
    await bench.work_off(caller.workspace_id)
    assert (await bench.show(caller, payment))["status"] == "pending"
    assert await bench.facts(caller, ProjectPaid) == []

    [session_id] = await stripe_sessions(bench, payment)
    door = f"{bench.stripe_stand_in.address}/_settle"
    await bench.browser.post(door, json={"session": session_id, "outcome": outcome})
    await bench.told(caller, f"checkout.session.async_payment_{outcome}")
    await bench.work_off(caller.workspace_id)
    assert (await bench.show(caller, payment))["status"] == status


async def second_page(bench: Bench, payment: dict[str, str], **changed: object) -> str:
    """Another Checkout session that names the same payment, as a second tab would have."""
    [first] = await stripe_sessions(bench, payment)
    seen = await bench.stripe._client.v1.checkout.sessions.retrieve_async(first)
    price = {"currency": seen.currency, "unit_amount": 9900, "product_data": {"name": "Again"}}
    metadata = seen.metadata.to_dict() if seen.metadata else {}
    params: Any = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": {**price, **changed}}],
        "client_reference_id": payment["id"],
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "success_url": "http://shop.example.com/ok",
    }
    made = await bench.stripe._client.v1.checkout.sessions.create_async(params)
    assert made.url is not None
    return made.url


async def test_paying_two_tabs_refunds_the_second(bench: Bench) -> None:
    caller = await bench.workspace()
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    second = await second_page(bench, payment)
    await bench.press(payment["checkout_url"])
    await bench.press(second)
    await bench.told(caller, "checkout.session.completed", count=2)
    await bench.work_off(caller.workspace_id)

    refunds = bench.stripe_stand_in.journal.entries("refunds.create")
    intents = {charge["payment_intent"] for charge in bench.charges(payment)}
    assert [r["amount"] for r in refunds if r["payment_intent"] in intents] == [9900]
    assert (await bench.show(caller, payment))["status"] == "completed"
    assert await bench.facts(caller, PaymentRefunded) == []
    sums = select(LedgerEntry.account, func.sum(LedgerEntry.amount_minor_units))
    posted = dict(await bench.rows(caller, sums.group_by(LedgerEntry.account)))
    assert posted == {"stripe_clearing": 9900, "revenue": -9900, "owed_to_customer": 0}


@pytest.mark.parametrize("changed", [{"unit_amount": 100}, {"currency": "eur"}])
async def test_another_amount_or_currency_is_not_fulfilled_and_alarms(
    bench: Bench, changed: dict[str, object]
) -> None:
    caller = await bench.workspace()
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    await bench.press(await second_page(bench, payment, **changed))
    await bench.told(caller, "checkout.session.completed")
    await bench.work_off(caller.workspace_id)
    assert (await bench.show(caller, payment))["status"] == "pending"
    assert await bench.facts(caller, ProjectPaid) == []
    mismatch = select(Alarm.kind).where(Alarm.workspace_id == caller.workspace_id)
    assert await bench.rows(caller, mismatch) == [("checkout_mismatch",)]


async def test_a_lost_webhook_is_found_by_reconciliation(bench: Bench) -> None:
    caller = await bench.workspace()
    bench.stripe_fault("webhook", "timeout_before", times=None)
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    await bench.press(payment["checkout_url"])
    async with asyncio.timeout(10):
        while not await lost(bench, payment):
            await asyncio.sleep(0.02)
    assert (await bench.show(caller, payment))["status"] == "pending"
    await reconcile(bench)
    assert (await bench.show(caller, payment))["status"] == "completed"
    assert len(await bench.facts(caller, ProjectPaid)) == 1


async def lost(bench: Bench, payment: dict[str, str]) -> bool:
    sessions = bench.stripe_stand_in.journal.entries("checkout.sessions.complete")
    return any(e["metadata"].get("payment_id") == payment["id"] for e in sessions)


async def reconcile(bench: Bench) -> None:
    await use_cases.reconcile_pages(bench.database, bench.stripe, timedelta(0))


async def test_a_refund_from_the_dashboard_is_noticed_and_told_once(bench: Bench) -> None:
    caller = await bench.workspace()
    payment = await bench.paid_by_card(caller, await bench.project(caller))
    [charge] = bench.charges(payment)
    intent = charge["payment_intent"]
    await bench.stripe._client.v1.refunds.create_async({"payment_intent": intent, "amount": 900})
    await bench.told(caller, "charge.refunded")
    await bench.work_off(caller.workspace_id)
    shown = await bench.show(caller, payment)
    assert (shown["status"], shown["refunded_minor_units"]) == ("refunded", 900)
    [fact] = await bench.facts(caller, PaymentRefunded)
    assert fact.refunded_minor_units == 900


async def test_a_refund_the_bank_returned_counts_as_not_refunded_and_alarms(bench: Bench) -> None:
    caller = await bench.workspace()
    payment = await bench.paid_by_card(caller, await bench.project(caller))
    [charge] = bench.charges(payment)
    intent = charge["payment_intent"]
    made = await bench.stripe._client.v1.refunds.create_async({"payment_intent": intent})
    await bench.told(caller, "charge.refunded")
    await bench.work_off(caller.workspace_id)
    door = f"{bench.stripe_stand_in.address}/_fail_refund"
    await bench.browser.post(door, json={"refund": made.id})
    await bench.told(caller, "refund.failed")
    await bench.work_off(caller.workspace_id)
    shown = await bench.show(caller, payment)
    assert (shown["status"], shown["refunded_minor_units"]) == ("completed", 0)
    alarms = select(Alarm.kind).where(Alarm.workspace_id == caller.workspace_id)
    assert ("refund_failed",) in await bench.rows(caller, alarms)


@pytest.mark.parametrize(("verdict", "status"), [("won", "completed"), ("lost", "refunded")])
async def test_a_dispute_alarms_and_a_lost_one_takes_the_money_back(
    bench: Bench, verdict: str, status: str
) -> None:
    caller = await bench.workspace()
    payment = await bench.paid_by_card(caller, await bench.project(caller))
    [charge] = bench.charges(payment)
    door = f"{bench.stripe_stand_in.address}/_dispute"
    await bench.browser.post(door, json={"charge": charge["id"]})
    await bench.browser.post(door, json={"charge": charge["id"], "action": verdict})
    await bench.told(caller, "charge.dispute.closed")
    await bench.work_off(caller.workspace_id)
    assert (await bench.show(caller, payment))["status"] == status
    assert len(await bench.facts(caller, PaymentRefunded)) == (verdict == "lost")


async def test_refunds_before_the_payment_is_known_end_the_same(bench: Bench) -> None:
    caller = await bench.workspace()
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    await bench.press(payment["checkout_url"])
    await bench.told(caller, "checkout.session.completed")
    [charge] = bench.charges(payment)
    intent = charge["payment_intent"]
    await bench.stripe._client.v1.refunds.create_async({"payment_intent": intent})
    [refunded] = await bench.told(caller, "charge.refunded")
    await use_cases.handle_event(bench.database, bench.stripe, refunded.id)
    await bench.work_off(caller.workspace_id)
    assert (await bench.show(caller, payment))["status"] == "refunded"
    assert len(await bench.facts(caller, ProjectPaid)) == 1
    assert len(await bench.facts(caller, PaymentRefunded)) == 1


async def test_the_saved_customer_is_used_again(bench: Bench) -> None:
    caller = await bench.workspace()
    await bench.paid_by_card(caller, await bench.project(caller))
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    [session_id] = await stripe_sessions(bench, payment)
    seen = await bench.stripe.get_session(session_id)
    assert seen.customer_id is not None


async def test_rows_agree_with_stripes_journal(bench: Bench) -> None:
    """B2 over everything this run did: captured minus refunded, payment by payment."""
    async with bench.database.across_workspaces() as session:
        payments = (await session.scalars(select(ProjectPayment))).all()
        refunds = (await session.scalars(select(Refund))).all()
    journal = bench.stripe_stand_in.journal
    charges = [e for e in journal.entries("charge") if e["status"] == "succeeded"]
    for payment in payments:
        if payment.method == "stripe" and payment.status in ("completed", "refunded"):
            of_it = [e for e in charges if e["payment_intent"] == payment.stripe_payment_intent_id]
            assert [e["amount"] for e in of_it] == [payment.amount_minor_units]
            assert 0 <= payment.refunded_minor_units <= payment.amount_minor_units
    known = {entry["id"] for entry in journal.entries("refunds.create")}
    given = [r for r in refunds if r.status == "succeeded" and "dispute" not in r.reason]
    assert {refund.stripe_refund_id for refund in given} <= known
