"""A sample service's memory: effects of reactions, and entries that may never change."""

import asyncio
from uuid import UUID, uuid4

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import migrations


class Base(DeclarativeBase):
    """The sample service's own tables."""


class Effect(Base):
    """One effect of a reaction; nothing unique, so that a second one shows."""

    __tablename__ = "effect"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    workspace_id: Mapped[UUID]
    event_id: Mapped[UUID]
    reaction: Mapped[str]


class Entry(Base):
    """A row of accounting."""

    __tablename__ = "entry"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    workspace_id: Mapped[UUID]
    amount: Mapped[int]


def create_tables(owner_url: str) -> None:
    """What a service's first migration does; not to be called inside a running event loop."""
    asyncio.run(_create(owner_url))


async def _create(owner_url: str) -> None:
    engine = create_async_engine(owner_url)
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


def _migrate(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        migrations.create_chassis_tables()
        Base.metadata.create_all(connection)
        migrations.protect("effect", "entry")
        migrations.append_only("entry")
