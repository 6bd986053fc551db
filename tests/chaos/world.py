"""Eyes on everything a run left behind: five databases, the vendors' journals, the storage."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from chassis.settings import StorageSettings
from chassis.storage import Storage
from local.up import Running

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class World:
    """Reads only; `broken` is for showing that a check can see."""

    databases: dict[str, asyncpg.Connection]
    vendors: Path
    storage: Storage
    acknowledged: list[tuple[str, str]]
    ready_at: datetime
    """Facts of before may have been published while a reader's queue was not there yet."""

    async def rows(self, service: str, query: str) -> list[asyncpg.Record]:
        return list(await self.databases[service].fetch(query, timeout=TIMEOUT_SECONDS))

    async def column(self, service: str, query: str) -> list[Any]:
        """The first column of the answer; ids as text, so that databases can be compared."""
        return [str(row[0]) for row in await self.rows(service, query)]

    def journal(self, vendor: str, operation: str) -> list[dict[str, Any]]:
        """What the stand-in did, oldest first."""
        return [entry for entry in self.written(vendor) if entry["operation"] == operation]

    def written(self, vendor: str) -> list[dict[str, Any]]:
        """Every entry of the stand-in's journal."""
        lines = (self.vendors / vendor / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @asynccontextmanager
    async def broken(self, service: str, statements: str) -> AsyncIterator[None]:
        """The database as these statements leave it, until the block ends."""
        transaction = self.databases[service].transaction()
        await transaction.start()
        try:
            await self.databases[service].execute(statements, timeout=TIMEOUT_SECONDS)
            yield
        finally:
            await transaction.rollback()


@asynccontextmanager
async def world_of(up: Running) -> AsyncIterator[World]:
    """The world of a product that has just become ready, seen across its workspaces."""
    ready_at = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        databases = {}
        for service, database in up.product.databases.items():
            # As the owner, who is bound by row-level security and says so.
            connection = await asyncpg.connect(
                database.owner_url.replace("+asyncpg", ""),
                timeout=TIMEOUT_SECONDS,
                server_settings={"app.all_workspaces": "on"},
            )
            stack.push_async_callback(connection.close)
            databases[service] = connection
        environment = program(up, "imaging")
        storage = Storage(
            StorageSettings.model_validate(
                {
                    name.removeprefix("STORAGE_").lower(): value
                    for name, value in environment.items()
                    if name.startswith("STORAGE_")
                }
            )
        )
        await stack.enter_async_context(storage)
        vendors = Path(program(up, "vendors")["VENDORS_STATE"])
        yield World(databases, vendors, storage, [], ready_at)


def program(up: Running, name: str) -> dict[str, str]:
    """The environment of one of the product's programs."""
    return next(one.environment for one in up.product.programs if one.name == name)
