"""One at a time over all processes of billing: Fiken's requests, and each delivery to it.

The locks are PostgreSQL's and belong to a connection, so a killed process gives them back at once.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.billing.providers.base import VendorAway

LOCK = text("SELECT pg_advisory_lock(:space, hashtext(:name))")
UNLOCK = text("SELECT pg_advisory_unlock(:space, hashtext(:name))")
REQUESTS, DELIVERIES = 1, 2
"""Spaces of their own: whoever holds one of the second kind waits for the first."""
WAIT_SECONDS = 60.0


class SingleFlight:
    """Each turn lasts at least `seconds`, so that all processes together keep the rate."""

    def __init__(self, engine: AsyncEngine, seconds: float) -> None:
        self._engine = engine
        self._seconds = seconds
        # Many waiting tasks of one process hold one connection together, not one each.
        self._here = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for our turn, a bounded time; raises VendorAway after it."""
        try:
            await asyncio.wait_for(self._here.acquire(), WAIT_SECONDS)
        except TimeoutError as error:
            raise VendorAway("fiken: others are asking") from error
        try:
            async with _locked(self._engine, REQUESTS, "fiken"):
                began = time.monotonic()
                yield
                await asyncio.sleep(max(0.0, self._seconds - (time.monotonic() - began)))
        finally:
            self._here.release()


@asynccontextmanager
async def delivering(engine: AsyncEngine, name: str) -> AsyncIterator[None]:
    """Only one process brings this to Fiken; raises VendorAway when another one takes long."""
    async with _locked(engine, DELIVERIES, name):
        yield


@asynccontextmanager
async def _locked(engine: AsyncEngine, space: int, name: str) -> AsyncIterator[None]:
    lock: dict[str, Any] = {"space": space, "name": name}
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        try:
            # Bounded by the statement time-out of the engine.
            await connection.execute(LOCK, lock)
        except DBAPIError as error:
            raise VendorAway("fiken: others are asking") from error
        try:
            yield
        finally:
            await _give_back(connection, lock)


async def _give_back(connection: AsyncConnection, lock: dict[str, Any]) -> None:
    try:
        await connection.execute(UNLOCK, lock)
    except BaseException:
        # A pooled connection that kept the lock would stop every other process.
        await connection.invalidate()
        raise
