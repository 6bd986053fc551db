"""Fixtures that give a test run real servers: databases and a virtual host of its own.

Use with `pytest_plugins = ["tests.support.servers"]` or by importing the fixtures in a conftest.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.infrastructure import InfrastructureMissing, Servers, ensure_servers
from local.infrastructure.brokers import drop_vhost, ensure_vhost
from local.infrastructure.databases import (
    ServiceDatabase,
    drop_databases,
    ensure_databases,
    marked_prefixes,
)

TEST_PREFIX = "aistudio_t"

MakeDatabases = Callable[..., dict[str, ServiceDatabase]]


@cache
def shared_servers() -> Servers:
    """PostgreSQL and RabbitMQ of this machine, started when nobody runs them; asked for once."""
    try:
        return ensure_servers()
    except InfrastructureMissing as missing:
        pytest.exit(str(missing), returncode=1)


@pytest.fixture(scope="session")
def servers() -> Servers:
    return shared_servers()


@pytest.fixture(scope="session")
def test_prefix(servers: Servers) -> str:
    """What this run's databases and virtual host begin with; no other run has the same."""
    _drop_what_killed_runs_left(servers)
    return f"{TEST_PREFIX}{os.getpid()}_{secrets.token_hex(3)}"


@pytest.fixture(scope="session")
def service_databases(servers: Servers, test_prefix: str) -> Iterator[MakeDatabases]:
    """Makes databases for services, `service_databases("billing")`; all are dropped at the end.

    A second argument distinguishes sets: `service_databases("billing", suffix="chaos")`.
    """

    def make(*services: str, suffix: str = "") -> dict[str, ServiceDatabase]:
        names = [f"{service}_{suffix}" if suffix else service for service in services]
        made = ensure_databases(servers.postgres_url, test_prefix, names)
        return dict(zip(services, made.values(), strict=True))

    yield make
    drop_databases(servers.postgres_url, test_prefix)


@pytest.fixture(scope="session")
def vhost(servers: Servers, test_prefix: str) -> Iterator[str]:
    """The AMQP URL of this run's own virtual host, removed at the end."""
    yield ensure_vhost(servers, test_prefix)
    drop_vhost(servers, test_prefix)


def _drop_what_killed_runs_left(servers: Servers) -> None:
    # Process ids mean nothing on a server that other machines may use.
    if urlsplit(servers.postgres_url).hostname not in ("127.0.0.1", "localhost"):
        return
    for prefix in marked_prefixes(servers.postgres_url, TEST_PREFIX):
        pid = prefix.removeprefix(TEST_PREFIX).partition("_")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            drop_databases(servers.postgres_url, prefix)
