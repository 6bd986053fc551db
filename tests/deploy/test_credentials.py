"""`deploy/compose/make-env` and the databases made from it: real keys, closed doors."""

import os
import secrets
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.credentials import public_half
from local.infrastructure import Servers
from tests.deploy import repository
from tests.deploy.repository import ROOT, WITH_DATABASE


def test_the_environment_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    repository.make_env(tmp_path / ".env")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_making_it_again_keeps_every_value_and_adds_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    made = repository.make_env(path)
    kept = [line for line in path.read_text().splitlines(True) if not line.startswith("FIKEN")]
    path.write_text("".join(kept))
    again = repository.make_env(path)
    assert again.keys() == made.keys()
    assert again | {"FIKEN_TOKEN": made["FIKEN_TOKEN"]} == made
    assert again["FIKEN_TOKEN"] != made["FIKEN_TOKEN"]


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    one = repository.make_env(tmp_path / "one")
    other = repository.make_env(tmp_path / "other")
    assert not set(one.values()) & set(other.values())


def test_our_public_half_is_the_one_everybody_computes() -> None:
    for _ in range(20):
        seed = secrets.token_bytes(32)
        theirs = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        assert public_half(seed) == theirs


@pytest.fixture
def made_databases(servers: Servers, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The prefix and the passwords of databases made by the script, twice."""
    prefix = f"deploytest_{secrets.token_hex(3)}"
    passwords = repository.make_env(tmp_path / ".env")
    server = urlsplit(servers.postgres_url)
    environment = {
        **os.environ,
        **passwords,
        "DATABASE_PREFIX": prefix,
        "PGHOST": server.hostname or "127.0.0.1",
        "PGPORT": str(server.port or 5432),
        "PGUSER": server.username or "postgres",
        "PGPASSWORD": server.password or "",
        "PGDATABASE": "postgres",
    }
    try:
        for _ in range(2):
            _run(["sh", str(ROOT / "deploy" / "databases" / "databases.sh")], environment)
        yield prefix, passwords
    finally:
        for service in WITH_DATABASE:
            name = f"{prefix}_{service}"
            drops = [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"]
            drops += [f"DROP ROLE IF EXISTS {role}" for role in (name, f"{name}_owner")]
            arguments = [part for drop in drops for part in ("-c", drop)]
            _run(["psql", "-q", *arguments], environment)


def _run(command: list[str], environment: dict[str, str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
    except FileNotFoundError:
        pytest.skip("psql is not installed here; the image has it")


async def test_owner_makes_tables_and_runtime_role_only_uses_its_own(
    servers: Servers, made_databases: tuple[str, dict[str, str]]
) -> None:
    prefix, passwords = made_databases
    owner = await _connect(servers, f"{prefix}_video_owner", passwords["VIDEO_OWNER_PASSWORD"])
    await owner.execute("CREATE TABLE films (title text)")
    await owner.close(timeout=5)
    runtime = await _connect(servers, f"{prefix}_video", passwords["VIDEO_DATABASE_PASSWORD"])
    await runtime.execute("INSERT INTO films VALUES ('a tour')")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute("CREATE TABLE mine (id int)")
    flags = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    assert await runtime.fetchval(flags) is False
    may = "SELECT has_database_privilege(current_user, $1, 'CONNECT')"
    assert await runtime.fetchval(may, f"{prefix}_billing") is False
    await runtime.close(timeout=5)


async def _connect(servers: Servers, role: str, password: str) -> asyncpg.Connection:
    server = urlsplit(servers.postgres_url)
    return await asyncpg.connect(
        host=server.hostname,
        port=server.port,
        user=role,
        password=password,
        database=role.removesuffix("_owner"),
        timeout=5,
        command_timeout=10,
    )
