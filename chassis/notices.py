"""Wakes the relays of a service when facts wait in the outbox.

A notice inside every transaction would make all commits wait for one lock. So it follows the
commit, and commits that come while one is on its way share the next. A notice that is lost with its
process costs a moment: relays also look by themselves.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

CHANNEL = "outbox"
GIVE = text(f"SELECT pg_notify('{CHANNEL}', '')")


class Notices:
    """Gives and hears notices: within this process directly, to others through PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._here: list[Callable[[], None]] = []
        self._wanted = False
        self._giving: asyncio.Task[None] | None = None

    def give(self) -> None:
        """Wake a relay soon; called after the commit of what it shall find."""
        if self._here:
            self._here[0]()
            return
        self._wanted = True
        if self._giving is None or self._giving.done():
            self._giving = asyncio.create_task(self._give())

    async def hear(self, wake: Callable[[], None]) -> None:
        """Call `wake` for each notice until cancelled; returns when the database is lost."""
        self._here.append(wake)
        try:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._listen(wake)
        finally:
            self._here.remove(wake)

    async def close(self) -> None:
        if self._giving is not None:
            self._giving.cancel()
            await asyncio.gather(self._giving, return_exceptions=True)

    async def _give(self) -> None:
        while self._wanted:
            self._wanted = False
            with suppress(SQLAlchemyError, OSError):
                async with self._engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    await connection.execute(GIVE)

    async def _listen(self, wake: Callable[[], None]) -> None:
        url = self._engine.url.set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False), timeout=5)
        closed = asyncio.Event()
        try:
            connection.add_termination_listener(lambda *_: closed.set())
            await connection.add_listener(CHANNEL, lambda *_: wake())
            await closed.wait()
        finally:
            connection.terminate()
