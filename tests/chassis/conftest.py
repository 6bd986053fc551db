"""Fixtures only: the sample service's database and broker."""

import secrets
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete

from chassis.database import Database
from chassis.outbox import OutboxRow
from chassis.settings import ServiceSettings
from chassis.testing import KeyPair
from local.infrastructure import Servers
from local.infrastructure.brokers import drop_vhost, ensure_vhost
from local.infrastructure.databases import ServiceDatabase
from tests.chassis.bench import Bench
from tests.chassis.sample import create_tables
from tests.support.servers import MakeDatabases
from tests.support.services import connected


@pytest.fixture(scope="package")
def sample_urls(service_databases: MakeDatabases) -> ServiceDatabase:
    """How the runtime role and the owner reach the sample service's database."""
    made = service_databases("sample")["sample"]
    with ThreadPoolExecutor(1) as thread:
        thread.submit(create_tables, made.owner_url).result(timeout=60)
    return made


@pytest.fixture(scope="package")
async def database(sample_urls: ServiceDatabase) -> AsyncIterator[Database]:
    """The sample service's database as its runtime role sees it."""
    async with connected(sample_urls.url) as database:
        yield database


@pytest.fixture(scope="package")
def broker_url(servers: Servers, test_prefix: str) -> Iterator[str]:
    """A virtual host for the chassis alone: its dead letters are nobody else's."""
    name = f"{test_prefix}_chassis"
    yield ensure_vhost(servers, name)
    drop_vhost(servers, name)


@pytest.fixture
async def bench(
    database: Database, sample_urls: ServiceDatabase, broker_url: str, key_pair: KeyPair
) -> Bench:
    """The sample service under a name of this test's own, with an empty outbox."""
    async with database.across_workspaces() as session:
        await session.execute(delete(OutboxRow))
    settings = ServiceSettings(
        service=f"s{secrets.token_hex(4)}",
        database_url=sample_urls.url,
        rabbitmq_url=broker_url,
        caller_public_key=key_pair.public_key,
        graceful_stop_seconds=5,
        retry_delays_seconds=(0.05, 0.1, 0.2),
    )
    return Bench(database, settings)
