"""Brokers deliver at least once: every fact and note of a finished job again, and nothing moves."""

import asyncio
import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

import services
from chassis.consumers import Consumers, Subscription
from contracts.event import Event, PrivateEvent
from local.product import SERVICES
from local.up import Running
from services.billing import notes as billing
from services.imaging import notes as imaging
from services.video import notes as video
from tests.chaos.quiet import unrest, until_quiet, waiting
from tests.chaos.world import World
from tests.stories.conftest import MainJob
from tests.support.broker import channel, deliver

pytestmark = pytest.mark.timeout(180)
BOOKKEEPING = ("inbox", "sweep", "idempotency", "alembic_version")
UNCHANGED_SECONDS = 2.0
NOTES: tuple[tuple[str, type[Event], str], ...] = (
    (
        "imaging",
        imaging.SubmissionDue,
        "SELECT workspace_id, id AS version_id FROM image_generation",
    ),
    ("imaging", imaging.ResultReady, "SELECT workspace_id, id AS attempt_id FROM attempt"),
    (
        "video",
        video.SubmissionDue,
        """SELECT workspace_id, video_id, id AS clip_id, part
           FROM video_clip, unnest(ARRAY['clip', 'transition']) AS part""",
    ),
    ("video", video.GenerationAnswered, "SELECT workspace_id, id AS attempt_id FROM attempt"),
    ("video", video.SegmentDue, "SELECT workspace_id, video_id, id AS segment_id FROM segment"),
    (
        "video",
        video.CompilationDue,
        "SELECT workspace_id, video_id, id AS compilation_id FROM compilation",
    ),
    (
        "billing",
        billing.StripeEventStored,
        "SELECT workspace_id, id AS stripe_event_id FROM stripe_event WHERE workspace_id NOTNULL",
    ),
    ("billing", billing.InvoiceDeliveryDue, "SELECT workspace_id, id AS invoice_id FROM invoice"),
)
"""A note's body is erased once it is published, so it is written anew from its subject."""


def subscriptions() -> Iterator[Subscription]:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.rpartition(".")[2] == "consumers":
            consumers = getattr(importlib.import_module(module.name), "consumers", None)
            if isinstance(consumers, Consumers) and consumers.service in SERVICES:
                yield from consumers.subscriptions


async def everything(world: World) -> dict[str, Any]:
    """A digest of every table that means something, and the length of every journal."""
    seen: dict[str, Any] = {}
    for service in SERVICES:
        tables = "SELECT relname FROM pg_stat_user_tables ORDER BY 1"
        for table in await world.column(service, tables):
            if table not in BOOKKEEPING:
                digest = f"""SELECT count(*) || md5(coalesce(string_agg(t::text, '|'
                             ORDER BY t::text), '')) FROM "{table}" t"""
                seen[f"{service}.{table}"] = await world.column(service, digest)
    for vendor in ("fal", "stripe", "fiken"):
        seen[vendor] = world.written(vendor)
    return seen


async def again(up: Running, world: World) -> int:
    """Every public fact to each of its reactions, every note to its own; how many."""
    count = 0
    by_fact: dict[type[Event], list[str]] = {}
    for one in subscriptions():
        by_fact.setdefault(one.event, []).append(one.name)
    async with channel(up.rabbitmq_url) as broker:
        for fact, names in by_fact.items():
            for event in await told(world, fact):
                for name in names:
                    await deliver(broker, name, event)
                    count += 1
    return count


async def told(world: World, fact: type[Event]) -> list[Event]:
    if not issubclass(fact, PrivateEvent):
        publisher = fact.routing_key.partition(".")[0]
        # Facts of before may not have been handled a first time: their reader was not there yet.
        bodies = f"""SELECT body FROM outbox WHERE routing_key = '{fact.routing_key}'
                     AND created_at > '{world.ready_at.isoformat()}'"""
        return [
            fact.model_validate(json.loads(body)) for body in await world.column(publisher, bodies)
        ]
    for service, note, query in NOTES:
        if note is fact:
            return [note(**_fields(row)) for row in await world.rows(service, query)]
    return []


def _fields(row: Any) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, UUID) else v for k, v in row.items()}


async def test_an_event_delivered_twice_changes_nothing(
    main_job: MainJob, up: Running, world: World
) -> None:
    await until_quiet(lambda: unrest(world, up.rabbitmq_url), 30)
    before = await everything(world)
    assert await again(up, world) > 50
    await until_quiet(lambda: waiting(up.rabbitmq_url), 30)
    deadline = asyncio.get_running_loop().time() + UNCHANGED_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        after = await everything(world)
        assert {name: after[name] for name in after if after[name] != before[name]} == {}
        await asyncio.sleep(0.2)
