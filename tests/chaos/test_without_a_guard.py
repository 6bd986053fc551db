"""A few payments under duplicate deliveries: with the inbox or the outbox switched off, we see it.

The switches are patches of this file, so nothing in production can turn a guard off. Every run of
one seed pays the same and delivers the same facts twice.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import inbox, migrations, relay
from chassis.consumers import Consumers
from chassis.database import SystemScope
from chassis.outbox import emit
from chassis.relay import Relay
from chassis.settings import ServiceSettings
from chassis.testing import KeyPair
from chassis.worker import Worker
from contracts.billing import ProjectPaid
from contracts.event import Event
from local.infrastructure import Servers
from local.infrastructure.brokers import drop_vhost, ensure_vhost
from local.infrastructure.databases import ServiceDatabase
from services.affiliate.earnings.consumers import consumers as earnings
from services.billing.tables import ProjectPayment
from tests.chaos.invariants import INVARIANTS
from tests.chaos.world import World
from tests.support.broker import channel, deliver
from tests.support.servers import MakeDatabases
from tests.support.services import connected

PAYMENTS = 30
TWICE = LOST = 0.2
PATIENCE_SECONDS = 20.0
REACTION = "affiliate.earn_on_card_payment"
HELD = ("M2", "M3", "M4", "M9", "M11", "A1", "X8")

Switch = Callable[[pytest.MonkeyPatch, random.Random], None]


def nothing(_: pytest.MonkeyPatch, __: random.Random) -> None:
    """As built."""


def the_inbox(patch: pytest.MonkeyPatch, _: random.Random) -> None:
    """It writes down what it has seen and recognises nothing."""
    claim = inbox.claim

    async def forgetful(session: AsyncSession, reaction: str, ids: list[UUID]) -> set[UUID]:
        await claim(session, reaction, ids)
        return set(ids)

    patch.setattr(inbox, "claim", forgetful)


def the_outbox(patch: pytest.MonkeyPatch, chance: random.Random) -> None:
    """A fact is no longer remembered when it is told, and some processes die in between."""

    async def hasty(sender: Relay) -> int:
        async with sender._database.across_workspaces() as session:
            rows = await relay._take_batch(session)
            await relay._mark(session, rows, [])
        exchanges = await sender._connect()
        for row in rows:
            if chance.random() >= LOST:
                await sender._publish(exchanges[row.is_private], row)
        return len(rows)

    patch.setattr(Relay, "publish_pending", hasty)


@dataclass(frozen=True)
class TwoServices(World):
    """Only billing and affiliate run: nothing is known of the others."""

    async def rows(self, service: str, query: str) -> list[asyncpg.Record]:
        return await super().rows(service, query) if service in self.databases else []


@dataclass
class Run:
    """Billing tells of payments, affiliate settles them."""

    billing: ServiceDatabase
    affiliate: ServiceDatabase
    settings: ServiceSettings
    chance: random.Random
    effects: Counter[UUID] = field(default_factory=Counter)

    @property
    def rabbitmq_url(self) -> str:
        return self.settings.rabbitmq_url.get_secret_value()

    async def go(self) -> None:
        consumers = Consumers("affiliate")
        consumers.include(earnings)
        consumers.subscriptions = [self._counted(one) for one in consumers.subscriptions]
        async with connected(self.affiliate.url) as database:
            worker = Worker(self.settings, database, consumers)
            async with worker.running(), asyncio.timeout(PATIENCE_SECONDS):
                while not worker.consuming():
                    await asyncio.sleep(0.02)
                await self._pay()
                while await self._waiting():
                    await asyncio.sleep(0.05)

    def _counted(self, subscription: Any) -> Any:
        async def counted(event: Event, session: AsyncSession) -> None:
            await subscription.reaction(event, session=session)
            self.effects[event.event_id] += 1

        return replace(subscription, reaction=counted)

    async def _pay(self) -> None:
        async with connected(self.billing.url) as database:
            facts = [payment(self.chance) for _ in range(PAYMENTS)]
            for row, fact in facts:
                async with database.transaction(SystemScope(row.workspace_id)) as session:
                    session.add(row)
                    await emit(session, fact)
            teller = Relay("billing", database, self.rabbitmq_url)
            while await teller.publish_pending():
                pass
            await teller.disconnect()
        async with channel(self.rabbitmq_url) as broker:
            for _, fact in facts:
                if self.chance.random() < TWICE:
                    await deliver(broker, REACTION, fact)

    async def _waiting(self) -> int:
        async with await aio_pika.connect(self.rabbitmq_url, timeout=5) as connection:
            opened = await connection.channel()
            queue = await opened.declare_queue(REACTION, passive=True)
            return queue.declaration_result.message_count or 0


def payment(chance: random.Random) -> tuple[ProjectPayment, ProjectPaid]:
    """A card payment that has just come through, and the fact that says so."""
    about = {
        "workspace_id": uuid4(),
        "billable_kind": "photo_project",
        "billable_id": uuid4(),
        "method": "stripe",
        "amount_minor_units": chance.randrange(100, 100_000),
        "currency": "usd",
    }
    row = ProjectPayment(
        **about, id=uuid4(), member_id=uuid4(), status="completed", paid_at=datetime.now(UTC)
    )
    return row, ProjectPaid.model_validate({**about, "payment_id": row.id})


@asynccontextmanager
async def world_of(run: Run, folder: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        databases = {}
        for service in ("billing", "affiliate"):
            url = getattr(run, service).owner_url.replace("+asyncpg", "")
            seeing = {"app.all_workspaces": "on"}
            databases[service] = await asyncpg.connect(url, server_settings=seeing, timeout=10)
            stack.push_async_callback(databases[service].close)
        long_ago = datetime.fromtimestamp(0, UTC)
        yield TwoServices(databases, folder, None, [], long_ago)  # type: ignore[arg-type]


async def broken(run: Run, world: World) -> set[str]:
    """The ids of what does not hold; `once` is the promise of the inbox itself."""
    found = {"once"} if any(count != 1 for count in run.effects.values()) else set()
    for one in INVARIANTS:
        offenders = await one.check(world) if one.id in HELD else []
        # Card payments alone are at stake; the other readers of the fact do not run here.
        if [line for line in offenders if one.id != "M4" or line.startswith(REACTION)]:
            found.add(one.id)
    return found


@pytest.fixture(scope="module")
def services(
    servers: Servers, service_databases: MakeDatabases, test_prefix: str
) -> Iterator[tuple[dict[str, ServiceDatabase], str]]:
    """Two migrated databases and a virtual host for all runs of this file."""
    made = service_databases("billing", "affiliate", suffix="guards")
    with ThreadPoolExecutor(1) as thread:
        for service, database in made.items():
            thread.submit(migrations.upgrade, service, database.owner_url).result(timeout=60)
    vhost = f"{test_prefix}_guards"
    yield made, ensure_vhost(servers, vhost)
    drop_vhost(servers, vhost)


async def empty(made: dict[str, ServiceDatabase]) -> None:
    """Forget what the last run left behind, past the rule that accounting only grows."""
    for service, table in (("billing", "project_payment"), ("affiliate", "settlement")):
        owner = await asyncpg.connect(made[service].owner_url.replace("+asyncpg", ""), timeout=10)
        await owner.execute(
            f"SET app.all_workspaces = 'on'; ALTER TABLE {table} DISABLE TRIGGER USER;"
            f"DELETE FROM {table}; DELETE FROM outbox; DELETE FROM inbox;"
            f"ALTER TABLE {table} ENABLE TRIGGER USER"
        )
        await owner.close()


@pytest.mark.parametrize(
    ("switched_off", "seen"),
    [(nothing, set()), (the_inbox, {"once"}), (the_outbox, {"M4", "X8"})],
    ids=["as built", "without the inbox", "without the outbox"],
)
async def test_the_same_seed_holds_only_with_every_guard(
    switched_off: Switch,
    seen: set[str],
    seed: int,
    services: tuple[dict[str, ServiceDatabase], str],
    key_pair: KeyPair,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    made, rabbitmq_url = services
    await empty(made)
    settings = ServiceSettings(
        service="affiliate",
        database_url=made["affiliate"].url,
        rabbitmq_url=rabbitmq_url,
        caller_public_key=key_pair.public_key,
    )
    run = Run(made["billing"], made["affiliate"], settings, random.Random(seed))
    switched_off(monkeypatch, random.Random(seed))
    await run.go()
    async with world_of(run, tmp_path) as world:
        assert await broken(run, world) == seen
