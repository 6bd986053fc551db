"""Saved cards, refunds and disputes of the Stripe stand-in, by Stripe's own client."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.local.stripe_bench import Bench, benched


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with benched(tmp_path) as bench:
        yield bench


async def off_session(bench: Bench, customer: str, method: str, **params: Any) -> Any:
    wanted: Any = {
        "amount": 9_900,
        "currency": "nok",
        "customer": customer,
        "payment_method": method,
        "confirm": True,
        "off_session": True,
        **params,
    }
    return await bench.client.v1.payment_intents.create_async(params=wanted)


async def saved(bench: Bench, customer: str, token: str) -> str:
    method = await bench.client.v1.payment_methods.attach_async(token, {"customer": customer})
    return str(method.id)


async def test_card_saved_at_checkout_pays_later_off_session(bench: Bench) -> None:
    customer = await bench.customer()
    await bench.paid(
        customer=customer.id, payment_intent_data={"setup_future_usage": "off_session"}
    )
    cards = await bench.client.v1.customers.payment_methods.list_async(customer.id)
    [card] = cards.data
    intent = await off_session(bench, customer.id, card.id, metadata={"payment": "p2"})
    assert (intent.status, intent.amount_received) == ("succeeded", 9_900)
    assert [c["amount"] for c in bench.journal("charge")] == [25_000, 9_900]
    assert "payment_method.attached" in [
        e.type async for e in (await bench.client.v1.events.list_async()).auto_paging_iter()
    ]


async def test_card_is_not_saved_unless_asked(bench: Bench) -> None:
    customer = await bench.customer()
    await bench.paid(customer=customer.id)
    cards = await bench.client.v1.customers.payment_methods.list_async(customer.id)
    assert cards.data == []


@pytest.mark.parametrize(
    ("token", "code", "decline", "charges"),
    [
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline", 1),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", 1),
        (
            "pm_card_authenticationRequired",
            "authentication_required",
            "authentication_required",
            0,
        ),
    ],
)
async def test_off_session_refusal_keeps_the_intent(
    bench: Bench, token: str, code: str, decline: str, charges: int
) -> None:
    customer = await bench.customer()
    method = await saved(bench, customer.id, token)
    with pytest.raises(stripe.CardError) as refused:
        await off_session(bench, customer.id, method)
    error = refused.value.error
    assert error is not None
    assert (refused.value.code, error.decline_code) == (code, decline)
    assert error.payment_intent is not None
    intent = await bench.client.v1.payment_intents.retrieve_async(error.payment_intent.id)
    assert intent.status == "requires_payment_method"
    assert [c["status"] for c in bench.journal("charge")] == ["failed"] * charges
    cancelled = await bench.client.v1.payment_intents.cancel_async(intent.id)
    assert cancelled.status == "canceled"


async def test_on_session_intent_asks_for_three_d_secure(bench: Bench) -> None:
    intent = await bench.client.v1.payment_intents.create_async(
        params={
            "amount": 5_000,
            "currency": "nok",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "http://shop.test/back",
        }
    )
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    url = intent.next_action.redirect_to_url.url
    answer = await bench.browser.post(str(url), data={"outcome": "pass"})
    assert answer.headers["location"] == "http://shop.test/back"
    intent = await bench.client.v1.payment_intents.retrieve_async(intent.id)
    assert intent.status == "succeeded"


async def test_refunds_never_exceed_the_charge(bench: Bench) -> None:
    session = await bench.paid()
    refunds = bench.client.v1.refunds
    part = await refunds.create_async(
        params={"payment_intent": session.payment_intent, "amount": 10_000}
    )
    assert (part.status, part.amount, part.currency) == ("succeeded", 10_000, "nok")
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await refunds.create_async(
            params={"payment_intent": session.payment_intent, "amount": 15_001}
        )
    rest = await refunds.create_async(
        params={"payment_intent": session.payment_intent, "reason": "duplicate"}
    )
    assert rest.amount == 15_000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async(params={"payment_intent": session.payment_intent})
    assert refused.value.code == "charge_already_refunded"
    [charge] = (await bench.client.v1.charges.list_async()).data
    assert (charge.amount_refunded, charge.refunded) == (25_000, True)
    assert sum(r["amount"] for r in bench.journal("refunds.create")) == 25_000
    await bench.until(lambda: bench.types().count("charge.refunded") == 2)


async def test_refund_that_the_bank_returns_counts_as_not_refunded(bench: Bench) -> None:
    session = await bench.paid()
    refund = await bench.client.v1.refunds.create_async(
        params={"payment_intent": session.payment_intent}
    )
    await bench.door("_fail_refund", refund=refund.id)
    await bench.until(lambda: "refund.failed" in bench.types())
    read = await bench.client.v1.refunds.retrieve_async(refund.id, {"expand": ["charge"]})
    assert read.status == "failed"
    assert isinstance(read.charge, stripe.Charge)
    assert (read.charge.amount_refunded, read.charge.refunded) == (0, False)


@pytest.mark.parametrize("decision", ["won", "lost"])
async def test_dispute_blocks_refunds_and_is_decided(bench: Bench, decision: str) -> None:
    session = await bench.paid()
    await bench.door("_dispute", payment_intent=session.payment_intent)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await bench.client.v1.refunds.create_async(
            params={"payment_intent": session.payment_intent}
        )
    assert refused.value.code == "charge_disputed"
    await bench.door("_dispute", payment_intent=session.payment_intent, action=decision)
    await bench.until(lambda: "charge.dispute.closed" in bench.types())
    told = [t for t in bench.types() if t.startswith("charge.dispute.")]
    back = ["charge.dispute.funds_reinstated"] if decision == "won" else []
    assert told == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        *back,
        "charge.dispute.closed",
    ]
    [dispute] = (await bench.client.v1.disputes.list_async()).data
    assert dispute.status == decision
    refund = bench.client.v1.refunds.create_async(params={"payment_intent": session.payment_intent})
    if decision == "won":
        assert (await refund).amount == 25_000
    else:
        with pytest.raises(stripe.InvalidRequestError):
            await refund


async def test_deleted_customer_is_gone_but_payments_stay(bench: Bench) -> None:
    customer = await bench.customer()
    await bench.paid(customer=customer.id)
    deleted = await bench.client.v1.customers.delete_async(customer.id)
    assert deleted.deleted is True
    assert (await bench.client.v1.customers.retrieve_async(customer.id)).deleted is True
    assert len((await bench.client.v1.charges.list_async()).data) == 1
    assert "agent@example.no" not in str(bench.stand_in.journal.entries())


async def test_concurrent_refunds_share_what_is_left(bench: Bench) -> None:
    session = await bench.paid()
    params: Any = {"payment_intent": session.payment_intent, "amount": 20_000}
    answers = await asyncio.gather(
        *(bench.client.v1.refunds.create_async(params=params) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, stripe.Refund) for answer in answers) == 1
