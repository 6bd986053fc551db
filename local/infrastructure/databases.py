"""One database per service, with an owner that migrates and a role that only reads and writes."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from local.infrastructure import blocking, place, ports

# A comment on every database and role made here, with the prefix: the proof that they are ours.
MARKER = "ai-studio local"
CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 30
TOTAL_TIMEOUT_SECONDS = 120
SAFE_NAME = re.compile(r"[a-z][a-z0-9_]{0,56}")  # PostgreSQL cuts names at 63, "_owner" included

# A database whose making was cut short has no comment yet, but its owner has.
ALL_DATABASES = """
    SELECT datname, coalesce(shobj_description(oid, 'pg_database'),
                             shobj_description(datdba, 'pg_authid')) AS marker
    FROM pg_database
"""
ALL_ROLES = "SELECT rolname, shobj_description(oid, 'pg_authid') AS marker FROM pg_roles"


class NotOurDatabase(Exception):
    """A database or role of that name exists and was not made here, so it is left alone."""


@dataclass(frozen=True)
class ServiceDatabase:
    """How a service reaches its database: as its runtime role, and as its owner to migrate."""

    url: str
    owner_url: str


def ensure_databases(
    postgres_url: str, prefix: str, services: Sequence[str]
) -> dict[str, ServiceDatabase]:
    """Makes `{prefix}_{service}` databases and two roles for each; repeating changes nothing.

    The runtime role is neither owner nor superuser, cannot bypass row-level security and can
    connect to no other service's database. Raises NotOurDatabase, ValueError for unsafe names.
    """
    names = {service: _safe(f"{prefix}_{service}") for service in services}
    make = partial(_ensure_all, postgres_url, prefix, list(names.values()))
    blocking.wait_for(make, TOTAL_TIMEOUT_SECONDS)
    return {
        service: ServiceDatabase(
            url=_url(postgres_url, name, name, "postgresql+asyncpg"),
            owner_url=_url(postgres_url, f"{name}_owner", name, "postgresql+asyncpg"),
        )
        for service, name in names.items()
    }


def drop_databases(postgres_url: str, prefix: str) -> None:
    """Drops the databases and roles of a prefix.

    Raises NotOurDatabase, before dropping anything, when a name with this prefix is not ours.
    """
    drop = partial(_drop_all, postgres_url, _safe(prefix))
    blocking.wait_for(drop, TOTAL_TIMEOUT_SECONDS)


def marked_prefixes(postgres_url: str, beginning: str) -> list[str]:
    """The prefixes, starting so, of which databases made here exist on a server."""
    ask = partial(_marked_prefixes, postgres_url, beginning)
    return blocking.wait_for(ask, TOTAL_TIMEOUT_SECONDS)


async def _ensure_all(postgres_url: str, prefix: str, names: Sequence[str]) -> None:
    marker = _marker(prefix)
    async with _connected(postgres_url) as administrator, _locked(administrator):
        for name in names:
            for role in (f"{name}_owner", name):
                async with administrator.transaction():
                    await _ensure_role(administrator, role, marker)
            await _ensure_database(administrator, name, marker)
        for name in names:
            async with _connected(_url(postgres_url, f"{name}_owner", name)) as owner:
                await _open_to_runtime(owner, name)


async def _ensure_role(administrator: asyncpg.Connection, role: str, marker: str) -> None:
    found = await administrator.fetchrow(f"{ALL_ROLES} WHERE rolname = $1", role)
    if found is not None and found["marker"] != marker:
        raise NotOurDatabase(f"role {role} exists and was not made by AI Studio")
    verb = "CREATE" if found is None else "ALTER"
    password = place.password_for(role)
    await administrator.execute(
        f"{verb} ROLE {role} LOGIN PASSWORD '{password}';"
        f" COMMENT ON ROLE {role} IS '{marker}';"
        # An administrator who is no superuser may give away only what he is a member of.
        f" GRANT {role} TO CURRENT_USER"
    )


async def _ensure_database(administrator: asyncpg.Connection, name: str, marker: str) -> None:
    found = await administrator.fetchrow(f"{ALL_DATABASES} WHERE datname = $1", name)
    if found is None:
        await administrator.execute(
            f"CREATE DATABASE {name} OWNER {name}_owner TEMPLATE template0 ENCODING 'UTF8'"
        )
    elif found["marker"] != marker:
        raise NotOurDatabase(f"database {name} exists and was not made by AI Studio")
    await administrator.execute(
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;"
        f" GRANT CONNECT ON DATABASE {name} TO {name};"
        f" COMMENT ON DATABASE {name} IS '{marker}'"
    )


async def _open_to_runtime(owner: asyncpg.Connection, name: str) -> None:
    default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {name}_owner IN SCHEMA public GRANT"
    await owner.execute(
        f"ALTER SCHEMA public OWNER TO {name}_owner;"
        " REVOKE ALL ON SCHEMA public FROM PUBLIC;"
        f" GRANT USAGE ON SCHEMA public TO {name};"
        f" {default} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name};"
        f" {default} USAGE, SELECT ON SEQUENCES TO {name}"
    )


async def _drop_all(postgres_url: str, prefix: str) -> None:
    async with _connected(postgres_url) as administrator, _locked(administrator):
        databases = await _ours(administrator, ALL_DATABASES, "datname", prefix)
        roles = await _ours(administrator, ALL_ROLES, "rolname", prefix)
        for name in databases:
            await administrator.execute(f"DROP DATABASE {_safe(name)} WITH (FORCE)")
        for name in roles:
            await administrator.execute(f"DROP ROLE {name}")


async def _ours(
    administrator: asyncpg.Connection, query: str, column: str, prefix: str
) -> list[str]:
    rows = await administrator.fetch(f"{query} WHERE starts_with({column}, $1)", f"{prefix}_")
    strangers = [row[column] for row in rows if not str(row["marker"]).startswith(MARKER)]
    if strangers:
        raise NotOurDatabase(f"{', '.join(strangers)} was not made by AI Studio: nothing dropped")
    return [row[column] for row in rows if row["marker"] == _marker(prefix)]


async def _marked_prefixes(postgres_url: str, beginning: str) -> list[str]:
    async with _connected(postgres_url) as administrator:
        rows = await administrator.fetch(ALL_DATABASES)
    begins = _marker(beginning)
    markers = {str(row["marker"]) for row in rows if str(row["marker"]).startswith(begins)}
    return sorted(marker.removeprefix(_marker("")) for marker in markers)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(
        url, timeout=CONNECT_TIMEOUT_SECONDS, command_timeout=STATEMENT_TIMEOUT_SECONDS
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)


@asynccontextmanager
async def _locked(administrator: asyncpg.Connection) -> AsyncIterator[None]:
    # Two test runs that change roles at once fail with "tuple concurrently updated".
    await administrator.execute("SELECT pg_advisory_lock(hashtext($1))", MARKER)
    try:
        yield
    finally:
        await administrator.execute("SELECT pg_advisory_unlock(hashtext($1))", MARKER)


def _marker(prefix: str) -> str:
    return f"{MARKER}: {prefix}"


def _safe(name: str) -> str:
    """A name that needs no quoting in SQL. Raises ValueError."""
    if SAFE_NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not a lower-case name of at most 57 characters")
    return name


def _url(postgres_url: str, role: str, database: str, scheme: str = "postgresql") -> str:
    server = urlsplit(postgres_url)
    address = f"{server.hostname or ports.HOST}:{server.port or 5432}"
    return f"{scheme}://{role}:{place.password_for(role)}@{address}/{database}"
