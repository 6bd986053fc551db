"""Checkout of the Stripe stand-in, driven by Stripe's own client and a browser's requests."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.local.stripe_bench import Bench, benched

PAID_IN_ORDER = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with benched(tmp_path) as bench:
        yield bench


async def test_paying_redirects_charges_once_and_tells_in_order(bench: Bench) -> None:
    session = await bench.session(
        client_reference_id="order-1",
        metadata={"workspace": "w1"},
        payment_intent_data={"metadata": {"payment": "p1"}},
    )
    assert (session.amount_total, session.currency, session.status) == (25_000, "nok", "open")
    page = (await bench.browser.get(session.url)).text
    assert "250.00 NOK" in page
    assert "no money moves" in page

    answer = await bench.press(session, "pay")
    again = await bench.press(session, "pay")

    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://shop.test/ok?session={session.id}"
    assert again.status_code == 409
    await bench.until(lambda: len(bench.events) == 4)
    assert bench.types() == PAID_IN_ORDER
    [charge] = bench.journal("charge")
    assert (charge["amount"], charge["metadata"]) == (25_000, {"payment": "p1"})
    read = await bench.read(session.id, "payment_intent.latest_charge", "line_items")
    assert (read.status, read.payment_status) == ("complete", "paid")
    assert read.metadata.to_dict() == {"workspace": "w1"}
    assert read.payment_intent.latest_charge.paid is True
    assert read.line_items.data[0].description == "Photo"


async def test_declined_card_can_be_followed_by_a_good_one(bench: Bench) -> None:
    session = await bench.session()
    declined = await bench.press(session, "decline")
    assert declined.status_code == 402
    assert "was declined" in declined.text
    assert (await bench.press(session, "pay")).status_code == 303
    await bench.until(lambda: len(bench.events) == 6)
    assert bench.types() == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        *PAID_IN_ORDER[1:],
    ]
    assert len((await bench.client.v1.payment_intents.list_async()).data) == 1


@pytest.mark.parametrize(("outcome", "status"), [("pass", "complete"), ("fail", "open")])
async def test_three_d_secure_decides(bench: Bench, outcome: str, status: str) -> None:
    session = await bench.session()
    asked = await bench.press(session, "challenge")
    assert asked.headers["location"] == f"/c/pay/{session.id}/challenge"
    await bench.browser.post(f"{session.url}/challenge", data={"outcome": outcome})
    read = await bench.read(session.id)
    assert read.status == status
    assert len(bench.journal("charge")) == (1 if outcome == "pass" else 0)


async def test_cancel_goes_back_without_a_payment(bench: Bench) -> None:
    session = await bench.session()
    answer = await bench.press(session, "cancel")
    assert answer.headers["location"] == "http://shop.test/cancelled"
    read = await bench.read(session.id)
    assert (read.status, read.payment_intent) == ("open", None)


@pytest.mark.parametrize(("outcome", "told"), [("succeeded", "succeeded"), ("failed", "failed")])
async def test_bank_debit_completes_unpaid_and_settles_later(
    bench: Bench, outcome: str, told: str
) -> None:
    session = await bench.session()
    await bench.press(session, "bank")
    read = await bench.read(session.id)
    assert (read.status, read.payment_status) == ("complete", "unpaid")
    await bench.door("_settle", session=session.id, outcome=outcome)
    await bench.until(lambda: f"checkout.session.async_payment_{told}" in bench.types())
    read = await bench.read(session.id)
    assert read.payment_status == ("paid" if outcome == "succeeded" else "unpaid")
    again = await bench.door("_settle", session=session.id, outcome="succeeded")
    assert again.status_code == 400


async def test_session_expires_on_request_and_then_refuses_payment(bench: Bench) -> None:
    session = await bench.session()
    expired = await bench.client.v1.checkout.sessions.expire_async(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert (await bench.press(session, "pay")).status_code == 410
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        await bench.client.v1.checkout.sessions.expire_async(session.id)


async def test_session_expires_by_itself(bench: Bench) -> None:
    session = await bench.session(expires_at=int(time.time()) + 1900)
    await bench.door("_clock", advance_seconds=1901)
    await bench.until(lambda: bench.types() == ["checkout.session.expired"])
    read = await bench.read(session.id)
    assert read.status == "expired"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"expires_at": int(time.time()) + 60}, "expires_at"),
        ({"expires_at": int(time.time()) + 90_000}, "expires_at"),
        ({"mode": "gift"}, "mode"),
        ({"line_items": []}, "line_items"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"surprise": "1"}, "surprise"),
        ({"payment_intent_data": {"setup_future_usage": "x"}}, "payment_intent_data"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
    ],
)
async def test_wrong_parameter_is_named(bench: Bench, params: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await bench.session(**params)
    assert str(refused.value.param).startswith(param)
    assert str(refused.value.request_id).startswith("req_")


async def test_lists_page_by_cursor(bench: Bench) -> None:
    made = [(await bench.session()).id for _ in range(5)]
    first = await bench.client.v1.checkout.sessions.list_async({"limit": 2})
    assert [s.id for s in first.data] == made[:2:-1]
    assert first.has_more is True
    everything = [s.id async for s in first.auto_paging_iter()]
    assert everything == made[::-1]
    lines = await bench.client.v1.checkout.sessions.line_items.list_async(made[0])
    assert lines.data[0].amount_total == 25_000


async def test_two_tabs_pay_one_session_once(bench: Bench) -> None:
    session = await bench.session()
    answers = await asyncio.gather(*(bench.press(session, "pay") for _ in range(5)))
    assert sorted(a.status_code for a in answers) == [303, 409, 409, 409, 409]
    assert len(bench.journal("charge")) == 1


async def test_wrong_key_is_refused(bench: Bench) -> None:
    stranger = stripe.StripeClient(
        "sk_test_other",
        base_addresses={"api": bench.stand_in.address},
        http_client=stripe.HTTPXClient(),
    )
    with pytest.raises(stripe.AuthenticationError):
        await stranger.v1.customers.create_async(params={})
