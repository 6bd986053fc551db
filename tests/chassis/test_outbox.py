"""The outbox: a change and its fact commit together, and what goes out is what was meant."""

import asyncio
from contextlib import suppress
from unittest.mock import ANY
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from chassis.database import SystemScope
from chassis.outbox import OutboxRow, emit
from contracts.event import SYSTEM, Actor, Event, PrivateEvent
from tests.chassis.bench import Bench, listening
from tests.support.services import make_caller


async def test_rolled_back_change_tells_nothing(bench: Bench) -> None:
    async with listening(bench, bench.noted) as heard:
        with suppress(ZeroDivisionError):
            async with bench.database.transaction(SystemScope(bench.workspace_id)) as session:
                await emit(session, bench.fact())
                raise ZeroDivisionError
        assert await bench.relay().publish_pending() == 0
        assert heard.empty()


async def test_committed_fact_is_persistent_and_speaks_cloudevents(bench: Bench) -> None:
    fact = bench.fact("hello")
    async with listening(bench, bench.noted) as heard:
        await bench.say(fact)
        assert await bench.relay().publish_pending() == 1
        message = await asyncio.wait_for(heard.get(), 5)
    assert message.delivery_mode == 2
    assert message.message_id == str(fact.event_id)
    assert message.type == message.routing_key == bench.noted.routing_key
    assert dict(message.headers) == {
        "cloudEvents:specversion": "1.0",
        "cloudEvents:id": str(fact.event_id),
        "cloudEvents:type": bench.noted.routing_key,
        "cloudEvents:source": f"/services/{bench.name}",
        "cloudEvents:time": ANY,
        "cloudEvents:datacontenttype": "application/json",
        "cloudEvents:dataschema": f"/schemas/{bench.noted.routing_key}.json",
        "cloudEvents:workspaceid": str(bench.workspace_id),
    }
    assert bench.noted.model_validate_json(message.body) == fact
    row = await bench.outbox(fact)
    assert row.published_at is not None
    assert row.body is not None


async def test_private_note_stays_out_of_the_log_and_its_body_is_erased(bench: Bench) -> None:
    note = bench.whispered(workspace_id=bench.workspace_id, secret="https://signed.example/?s=1")
    assert isinstance(note, PrivateEvent)
    async with listening(bench, bench.whispered) as heard, listening(bench, Anything) as public:
        await bench.say(note)
        await bench.relay().publish_pending()
        message = await asyncio.wait_for(heard.get(), 5)
        assert public.empty()
    assert bench.whispered.model_validate_json(message.body) == note
    row = await bench.outbox(note)
    assert row.published_at is not None
    assert row.body is None


class Anything(Event):
    """Every public fact."""

    routing_key = "#"


async def test_unroutable_fact_waits_aside_and_blocks_nobody(bench: Bench) -> None:
    nobody_listens = bench.whispered(workspace_id=bench.workspace_id)
    behind = bench.fact()
    async with listening(bench, bench.noted) as heard:
        await bench.say(nobody_listens, behind)
        sender = bench.relay()
        assert await sender.publish_pending() == 2
        message = await asyncio.wait_for(heard.get(), 5)
        assert message.message_id == str(behind.event_id)
        assert await sender.publish_pending() == 0
        await sender.disconnect()
    row = await bench.outbox(nobody_listens)
    assert row.published_at is None
    assert row.retry_at is not None
    assert row.body is not None


async def test_fact_is_signed_by_who_acts(bench: Bench) -> None:
    caller = make_caller(workspace_id=bench.workspace_id)
    by_member, by_system = bench.fact(), bench.fact()
    async with bench.database.transaction(caller) as session:
        await emit(session, by_member)
    # A reaction passes on who caused what it reacts to.
    cause = bench.fact().model_copy(update={"actor": Actor(kind="member", id=caller.member_id)})
    by_reaction = bench.fact()
    async with bench.database.transaction(cause) as session:
        await emit(session, by_reaction)
    await bench.say(by_system)
    actors = [(await bench.outbox(one)).body["actor"] for one in (by_member, by_reaction)]  # type: ignore[index]
    assert [actor["id"] for actor in actors] == [str(caller.member_id)] * 2
    row = await bench.outbox(by_system)
    assert row.body is not None
    assert Actor.model_validate(row.body["actor"]) == SYSTEM


async def test_waiting_facts_of_another_workspace_are_not_seen(bench: Bench) -> None:
    await bench.say(bench.fact())
    async with bench.database.transaction(SystemScope(uuid4())) as session:
        assert await session.scalar(select(func.count()).select_from(OutboxRow)) == 0
    with pytest.raises(DBAPIError, match="row-level security"):
        async with bench.database.transaction(SystemScope(uuid4())) as session:
            await emit(session, bench.fact())
    assert await bench.unpublished() == 1
