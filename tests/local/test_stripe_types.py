"""Every payload of the Stripe stand-in, against the types Stripe generates for its client."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.local.stripe_bench import API_KEY, Bench, benched
from tests.local.stripe_types import wrong_fields

TYPES: dict[str, type] = {
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "item": stripe.LineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "refund": stripe.Refund,
}

LISTS = (
    "charges",
    "customers",
    "checkout/sessions",
    "payment_intents",
    "refunds",
    "disputes",
    "events",
)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with benched(tmp_path) as bench:
        yield bench


async def get(bench: Bench, path: str) -> Any:
    answer = await bench.browser.get(
        f"{bench.stand_in.address}/v1/{path}", headers={"authorization": f"Bearer {API_KEY}"}
    )
    assert answer.status_code == 200
    return answer.json()


async def live_through_everything(bench: Bench) -> str:
    """Make an object of every kind in many states; returns the customer's id."""
    customer = await bench.customer()
    session = await bench.session(
        customer=customer.id, payment_intent_data={"setup_future_usage": "off_session"}
    )
    await bench.press(session, "decline")
    await bench.press(session, "challenge")
    await bench.browser.post(f"{session.url}/challenge", data={"outcome": "pass"})
    await bench.session()
    bank = await bench.session()
    await bench.press(bank, "bank")
    await bench.door("_settle", session=bank.id, outcome="failed")
    await bench.client.v1.checkout.sessions.expire_async((await bench.session()).id)
    for decision in ("won", "lost"):
        paid = await bench.paid()
        await bench.door("_dispute", payment_intent=paid.payment_intent)
        await bench.door("_dispute", payment_intent=paid.payment_intent, action=decision)
    refunded = await bench.paid()
    await bench.client.v1.refunds.create_async(
        params={"payment_intent": refunded.payment_intent, "amount": 100}
    )
    return str(customer.id)


async def test_every_payload_fits_stripes_own_types(bench: Bench) -> None:
    customer = await live_through_everything(bench)
    seen: dict[str, list[dict[str, Any]]] = {}
    for path in (*LISTS, f"customers/{customer}/payment_methods"):
        for found in (await get(bench, f"{path}?limit=100"))["data"]:
            seen.setdefault(found["object"], []).append(found)
    for session in seen["checkout.session"]:
        lines = await get(bench, f"checkout/sessions/{session['id']}/line_items")
        seen.setdefault("item", []).extend(lines["data"])
    for event in list(seen["event"]):
        told = event["data"]["object"]
        seen[told["object"]].append(told)
    assert set(seen) == set(TYPES)
    wrong = {w for kind, found in seen.items() for p in found for w in wrong_fields(p, TYPES[kind])}
    assert wrong == set()


def test_missing_required_field_is_noticed() -> None:
    payload = {"id": "cs_1", "object": "checkout.session", "amount_total": "12", "mode": "payment"}
    wrong = wrong_fields(payload, stripe.checkout.Session)
    assert "Session.created is missing" in wrong
    assert any(w.startswith("Session.amount_total is '12'") for w in wrong)
