"""A migrated database for each service, its settings, and signed callers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import httpx
from fastapi import FastAPI

from chassis import migrations
from chassis.caller import sign
from chassis.database import Database, create_engine
from chassis.settings import ServiceSettings
from chassis.testing import KeyPair
from contracts.caller import Caller
from local.infrastructure.databases import ServiceDatabase

if TYPE_CHECKING:
    from tests.support.servers import MakeDatabases

S = TypeVar("S", bound=ServiceSettings)


class SignedAs(httpx.Auth):
    """Signs every request as the caller, as the gateway would: a token lives for a minute only."""

    def __init__(self, caller: Caller, key_pair: KeyPair, service: str) -> None:
        self._caller = caller
        self._key_pair = key_pair
        self._service = service

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = sign(self._caller, self._key_pair.private_key, service=self._service)
        request.headers["authorization"] = f"Bearer {token}"
        yield request


class ServiceUnderTest:
    """Hands out what a test of one service needs, on real servers."""

    def __init__(self, make_databases: MakeDatabases, rabbitmq_url: str, key_pair: KeyPair) -> None:
        self._make_databases = make_databases
        self._rabbitmq_url = rabbitmq_url
        self._key_pair = key_pair
        self._made: dict[str, ServiceDatabase] = {}
        self._open: dict[str, Database] = {}

    def database_urls(self, service: str) -> ServiceDatabase:
        """The service's own database, migrated to the newest version."""
        if service not in self._made:
            # Alembic runs an event loop of its own, so not in the thread of the test's.
            with ThreadPoolExecutor(1) as thread:
                self._made[service] = thread.submit(self._make, service).result(timeout=60)
        return self._made[service]

    def database(self, service: str) -> Database:
        """Connected as the runtime role: row-level security is in force."""
        if service not in self._open:
            url = self.database_urls(service).url
            self._open[service] = Database(create_engine(url))
        return self._open[service]

    def settings(self, settings_type: type[S], **values: Any) -> S:
        service = settings_type.model_fields["service"].default
        defaults = {
            "database_url": self.database_urls(service).url,
            "rabbitmq_url": self._rabbitmq_url,
            "caller_public_key": self._key_pair.public_key,
            "log_as_json": False,
        }
        return settings_type(**{**defaults, **values})

    def client(self, app: FastAPI, caller: Caller | None = None) -> httpx.AsyncClient:
        """An HTTP client of the application, signed in as the caller."""
        service = app.state.settings.service
        auth = SignedAs(caller, self._key_pair, service) if caller is not None else None
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://service", auth=auth
        )

    async def close(self) -> None:
        """Give all connections back; a database that is asked for again connects again."""
        while self._open:
            await self._open.popitem()[1].close()

    def _make(self, service: str) -> ServiceDatabase:
        made = self._make_databases(service)[service]
        migrations.upgrade(service, made.owner_url)
        return made


@asynccontextmanager
async def connected(url: str, **pool: Any) -> AsyncIterator[Database]:
    """A database whose connections are given back when the block ends, however it ends."""
    database = Database(create_engine(url, **pool))
    try:
        yield database
    finally:
        await database.close()


def make_caller(**claims: Any) -> Caller:
    """An owner of a fresh workspace, unless told otherwise."""
    return Caller(**{"member_id": uuid4(), "workspace_id": uuid4(), "role": "owner", **claims})
