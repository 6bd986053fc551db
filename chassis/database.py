"""One engine per process, one short visible transaction per unit of work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Request
from sqlalchemy import event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.ext.asyncio import create_async_engine as sqlalchemy_engine
from sqlalchemy.orm import DeclarativeBase

from chassis.notices import Notices
from chassis.settings import ServiceSettings
from contracts.event import SYSTEM, Actor

# Local to the transaction: a session-level setting leaks through the pool.
SEE = text("SELECT set_config(:setting, :value, true)")


class ChassisTable(DeclarativeBase):
    """Base of the chassis' own tables; each service has a Base of its own."""


class Scope(Protocol):
    """Whose rows a transaction may see, and who is acting: a Caller or an Event."""

    @property
    def workspace_id(self) -> UUID: ...

    @property
    def actor(self) -> Actor: ...


@dataclass(frozen=True)
class SystemScope:
    """One workspace, acted on by the system: a webhook or a sweeper that found the row."""

    workspace_id: UUID
    actor: Actor = SYSTEM


def create_engine(
    url: str, *, pool_size: int = 10, statement_timeout_seconds: float = 15.0
) -> AsyncEngine:
    milliseconds = str(int(statement_timeout_seconds * 1000))
    engine = sqlalchemy_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=statement_timeout_seconds,
        # The one used last comes first: those at rest have time to notice that they were closed.
        pool_use_lifo=True,
        # Parameters in an error's text would reach the logs: they hold people's data and secrets.
        hide_parameters=True,
        connect_args={
            "timeout": 10,
            "server_settings": {
                "statement_timeout": milliseconds,
                "idle_in_transaction_session_timeout": "60000",
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _: Any, __: Any) -> None:
    """What a restarted server closed is replaced; unlike a ping, asking ourselves is no journey."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server has closed this connection")


def open_database(settings: ServiceSettings) -> "Database":
    """The service's database as its runtime role, bounded as its settings say."""
    return Database(
        create_engine(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool_size,
            statement_timeout_seconds=settings.statement_timeout_seconds,
        )
    )


class Database:
    """Hands out transactions; nothing inside one commits by itself."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.notices = Notices(engine)
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self, scope: Scope) -> AsyncIterator[AsyncSession]:
        """See and change one workspace's rows: commit on success, roll back on any exception."""
        async with self.unseeing(scope) as session:
            await session.execute(SEE, session.info["sees"])
            yield session

    @asynccontextmanager
    async def across_workspaces(self) -> AsyncIterator[AsyncSession]:
        """See every workspace's rows: for sweepers, webhooks, sign-in and administration only."""
        async with self.unseeing(None) as session:
            await session.execute(SEE, session.info["sees"])
            yield session

    @asynccontextmanager
    async def unseeing(self, scope: Scope | None) -> AsyncIterator[AsyncSession]:
        """No row is seen until the first statement says whose: the inbox's claim does so itself."""
        async with self._sessions() as session:
            async with session.begin():
                session.info.update(_info_of(scope))
                yield session
            if "emitted" in session.info:
                self.notices.give()

    async def close(self) -> None:
        await self.notices.close()
        await self.engine.dispose()


def workspace_setting(workspace_id: UUID) -> dict[str, str]:
    """The parameters of SEE with which one workspace's rows are seen."""
    return {"setting": "app.workspace_id", "value": str(workspace_id)}


def _info_of(scope: Scope | None) -> dict[str, Any]:
    if scope is None:
        return {"actor": SYSTEM, "sees": {"setting": "app.all_workspaces", "value": "on"}}
    return {
        "actor": scope.actor,
        "workspace_id": scope.workspace_id,
        "sees": workspace_setting(scope.workspace_id),
    }


async def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


DatabaseDep = Annotated[Database, Depends(get_database)]
