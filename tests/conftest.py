"""Fixtures only: servers, keys, one migrated database per service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
import structlog

from chassis.testing import KeyPair, make_key_pair
from tests.support.services import ServiceUnderTest

if TYPE_CHECKING:
    from tests.support.servers import MakeDatabases

pytest_plugins = ["tests.support.servers"]


@pytest.fixture(scope="session", autouse=True)
def short_tracebacks() -> None:
    """Drawing each failed reaction's frames in a box takes longer than the reaction."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])


@pytest.fixture(scope="session")
def key_pair() -> KeyPair:
    """The gateway's signing key and the services' public key."""
    return make_key_pair()


@pytest.fixture(scope="session")
async def services(
    service_databases: MakeDatabases, vhost: str, key_pair: KeyPair
) -> AsyncIterator[ServiceUnderTest]:
    """`services.database("imaging")`, `services.settings(Settings)`, `services.client(app)`."""
    under_test = ServiceUnderTest(service_databases, vhost, key_pair)
    yield under_test
    await under_test.close()
