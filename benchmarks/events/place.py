"""A service that exists only here: one fact, its reactions, a database and a virtual host."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID, uuid4

import aio_pika
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, func, select, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import migrations, topology
from chassis.consumers import Consumers
from chassis.database import Database, create_engine
from chassis.settings import ServiceSettings
from chassis.testing import make_key_pair
from chassis.worker import Worker
from contracts.event import Event
from local.infrastructure import ensure_servers
from local.infrastructure.brokers import drop_vhost, ensure_vhost
from local.infrastructure.databases import drop_databases, ensure_databases


class Noted(Event):
    """A fact about as large as ours are."""

    routing_key: ClassVar[str] = "bench.noted.v1"

    project_id: UUID
    result_key: str = "workspaces/0/projects/0/images/0/versions/0.jpg"
    sent_at: float = 0.0


class Base(DeclarativeBase):
    """What the reactions leave behind."""


class Effect(Base):
    """One effect of a reaction."""

    __tablename__ = "effect"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    workspace_id: Mapped[UUID]
    event_id: Mapped[UUID]


@dataclass(frozen=True)
class Place:
    """How the measurements reach the database and the broker."""

    database: Database
    settings: ServiceSettings

    @property
    def rabbitmq_url(self) -> str:
        return self.settings.rabbitmq_url.get_secret_value()

    def worker(self, consumers: Consumers) -> Worker:
        return Worker(self.settings, self.database, consumers)

    @asynccontextmanager
    async def another_process(self) -> AsyncIterator[Database]:
        """The same database, with connections and notices of its own."""
        database = Database(create_engine(self.settings.database_url.get_secret_value()))
        yield database
        await database.close()

    async def effects(self) -> int:
        async with self.database.across_workspaces() as session:
            return await session.scalar(select(func.count()).select_from(Effect)) or 0

    async def record(self, count: int) -> None:
        """So many facts in the outbox, as if they had been emitted while the relay was away."""
        body = Noted(workspace_id=uuid4(), project_id=uuid4()).model_dump_json()
        statement = text(
            "INSERT INTO outbox (event_id, workspace_id, routing_key, is_private, body, trace)"
            " SELECT id, CAST(body->>'workspace_id' AS uuid), :routing_key, false,"
            " jsonb_set(body, '{event_id}', to_jsonb(id)), '{}'"
            " FROM (SELECT gen_random_uuid() AS id, CAST(:body AS jsonb) AS body"
            " FROM generate_series(1, :count)) AS facts"
        )
        async with self.database.across_workspaces() as session:
            values = {"routing_key": Noted.routing_key, "body": body, "count": count}
            await session.execute(statement, values)

    async def forget(self) -> None:
        """Empty the tables between measurements."""
        async with self.database.across_workspaces() as session:
            for table in ("effect", "inbox", "outbox"):
                await session.execute(text(f"DELETE FROM {table}"))


@asynccontextmanager
async def opened() -> AsyncIterator[Place]:
    """Everything is dropped after the block."""
    servers = await asyncio.to_thread(ensure_servers, print)
    prefix = f"aistudio_t{os.getpid()}_{secrets.token_hex(3)}"
    rabbitmq_url = await asyncio.to_thread(ensure_vhost, servers, prefix)
    made = await asyncio.to_thread(ensure_databases, servers.postgres_url, prefix, ("bench",))
    await _create_tables(made["bench"].owner_url)
    database = Database(create_engine(made["bench"].url, pool_size=20))
    settings = ServiceSettings(
        service="bench",
        database_url=made["bench"].url,
        rabbitmq_url=rabbitmq_url,
        caller_public_key=make_key_pair().public_key,
    )
    try:
        async with await aio_pika.connect(rabbitmq_url, timeout=5) as connection:
            await topology.declare(await connection.channel(), ())
        yield Place(database, settings)
    finally:
        await database.close()
        await asyncio.to_thread(drop_vhost, servers, prefix)
        await asyncio.to_thread(drop_databases, servers.postgres_url, prefix)


async def _create_tables(owner_url: str) -> None:
    engine = create_async_engine(owner_url)
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


def _migrate(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        migrations.create_chassis_tables()
        Base.metadata.create_all(connection)
        migrations.protect("effect")
