"""How the Stripe stand-in fails, repeats and remembers, seen by Stripe's own client."""

import asyncio
import sqlite3
import time
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


async def create(bench: Bench, key: str, email: str = "a@example.no") -> Any:
    return await bench.client.v1.customers.create_async(
        params={"email": email}, options={"idempotency_key": key}
    )


async def test_same_key_does_the_work_once(bench: Bench) -> None:
    first, again = await create(bench, "k1"), await create(bench, "k1")
    assert first.id == again.id
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert len(bench.journal("customers.create")) == 1


async def test_same_key_with_other_parameters_is_refused(bench: Bench) -> None:
    await create(bench, "k1")
    with pytest.raises(stripe.IdempotencyError):
        await create(bench, "k1", "b@example.no")


async def test_key_is_forgotten_after_a_day(bench: Bench) -> None:
    first = await create(bench, "k1")
    await bench.door("_clock", advance_seconds=86_401)
    assert (await create(bench, "k1")).id != first.id


async def test_concurrent_use_of_a_key_conflicts(bench: Bench) -> None:
    bench.fault("customers.create", "delay", seconds=0.5)
    answers = await asyncio.gather(create(bench, "k1"), create(bench, "k1"), return_exceptions=True)
    [conflict] = [a for a in answers if isinstance(a, stripe.StripeError)]
    assert conflict.http_status == 409
    assert len(bench.journal("customers.create")) == 1


async def test_stored_500_is_replayed_for_its_key(bench: Bench) -> None:
    bench.fault("customers.create", "error")
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await create(bench, "k1")
    assert bench.journal("customers.create") == []
    assert (await create(bench, "k2")).id


async def test_rate_limit_is_not_stored(bench: Bench) -> None:
    bench.fault("customers.create", "rate_limited")
    with pytest.raises(stripe.RateLimitError):
        await create(bench, "k1")
    assert (await create(bench, "k1")).id


async def test_declined_card_is_replayed_not_charged_again(bench: Bench) -> None:
    params: Any = {
        "amount": 5_000,
        "currency": "nok",
        "confirm": True,
        "payment_method": "pm_card_visa_chargeDeclined",
    }
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await bench.client.v1.payment_intents.create_async(
                params=params, options={"idempotency_key": "pay-1"}
            )
    assert len(bench.journal("charge")) == 1


@pytest.mark.parametrize(("kind", "done"), [("timeout_before", 0), ("timeout_after", 1)])
async def test_dropped_connection_leaves_the_outcome_to_the_key(
    bench: Bench, kind: str, done: int
) -> None:
    session = await bench.paid()
    bench.fault("refunds.create", kind, seconds=0.1)
    params: Any = {"payment_intent": session.payment_intent}
    options: Any = {"idempotency_key": "refund-1"}
    with pytest.raises(stripe.APIConnectionError):
        await bench.client.v1.refunds.create_async(params=params, options=options)
    assert len(bench.journal("refunds.create")) == done
    refund = await bench.client.v1.refunds.create_async(params=params, options=options)
    assert refund.amount == 25_000
    assert len(bench.journal("refunds.create")) == 1


async def test_corrupt_answer_is_not_json(bench: Bench) -> None:
    bench.fault("checkout.sessions.create", "corrupt")
    with pytest.raises(stripe.APIError):
        await bench.session()


async def test_impossible_expansion_undoes_the_work(bench: Bench) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        await bench.client.v1.customers.create_async(params={"expand": ["pets"]})
    assert bench.journal("customers.create") == []
    assert (await bench.client.v1.customers.list_async()).data == []


async def test_webhook_is_repeated_until_accepted(bench: Bench) -> None:
    bench.answers = [500, 503]
    await bench.customer()
    await bench.until(lambda: len(bench.journal("webhook")) == 3)
    assert [e["status"] for e in bench.journal("webhook")] == [500, 503, 200]
    assert len(bench.events) == 1


async def test_undelivered_webhooks_survive_a_restart(tmp_path: Path) -> None:
    async with benched(tmp_path) as before:
        before.answers = [500] * 50
        session = await before.paid()
        await before.until(lambda: len(before.journal("webhook")) >= 4)
        assert before.events == []
    async with benched(tmp_path) as after:
        await after.until(lambda: len(after.events) == 4)
        assert sorted(set(after.types())) == [
            "charge.succeeded",
            "checkout.session.completed",
            "payment_intent.created",
            "payment_intent.succeeded",
        ]
        read = await after.client.v1.checkout.sessions.retrieve_async(session.id)
        assert read.status == "complete"


async def test_webhook_can_come_twice(bench: Bench) -> None:
    bench.fault("webhook", "duplicate")
    await bench.customer()
    await bench.until(lambda: len(bench.events) == 2)
    assert bench.events[0].id == bench.events[1].id


async def test_webhook_can_overtake(bench: Bench) -> None:
    session = await bench.session()
    bench.fault("webhook", "reorder", seconds=5.0)
    await bench.press(session, "pay")
    await bench.until(lambda: len(bench.events) == 4)
    assert bench.types()[:2] != ["payment_intent.created", "charge.succeeded"]
    assert bench.types()[0] == "charge.succeeded"


async def test_webhook_can_be_late(bench: Bench) -> None:
    bench.fault("webhook", "delay", seconds=0.4)
    started = time.monotonic()
    await bench.customer()
    await bench.until(lambda: len(bench.events) == 1)
    assert time.monotonic() - started >= 0.4


async def test_forged_webhook_fails_verification(bench: Bench) -> None:
    bench.fault("webhook", "corrupt")
    await bench.customer()
    await bench.until(lambda: len(bench.events) == 1)
    assert len(bench.forged) == 1


async def test_lost_webhook_is_still_listed(bench: Bench) -> None:
    bench.fault("webhook", "timeout_before")
    customer = await bench.customer()
    await bench.until(lambda: len(bench.journal("webhook.lost")) == 1)
    events = await bench.client.v1.events.list_async({"types": ["customer.created"]})
    assert [e.data.object["id"] for e in events.data] == [customer.id]
    assert bench.events == []


async def test_journal_entry_lost_in_a_crash_is_written_on_restart(tmp_path: Path) -> None:
    async with benched(tmp_path) as bench:
        store = bench.stand_in.state / "stripe.sqlite"
        await bench.customer()
    with sqlite3.connect(store) as sql:
        sql.execute("INSERT INTO unwritten VALUES (1, 'customers.create', '{}')")
        sql.execute("INSERT INTO unwritten VALUES (999, 'charge', '{\"id\": \"ch_lost\"}')")
    async with benched(tmp_path) as bench:
        assert len(bench.journal("customers.create")) == 1
        assert [c["id"] for c in bench.journal("charge")] == ["ch_lost"]
