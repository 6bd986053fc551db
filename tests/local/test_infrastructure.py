"""Private servers start, survive being killed, stop without a trace, and keep services apart."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from local import apt
from local.infrastructure import (
    Servers,
    ensure_servers,
    place,
    ports,
    postgres,
    processes,
    rabbitmq,
    stop_servers,
)
from local.infrastructure.brokers import drop_vhost, ensure_vhost, vhost_url
from local.infrastructure.databases import (
    NotOurDatabase,
    ServiceDatabase,
    drop_databases,
    ensure_databases,
    marked_prefixes,
)

REPOSITORY = Path(__file__).resolve().parents[2]
PREFIX = "aistudio_infra"
TIMEOUT_SECONDS = 5
# Says where its broker is, and stops when nobody listens to it any longer.
ANOTHER_CLONE = """
import sys
from local.infrastructure import ensure_servers, stop_servers
print(ensure_servers(lambda line: None).rabbitmq_url, flush=True)
sys.stdin.read()
stop_servers()
"""


def silent(_line: str) -> None:
    """Takes progress that no test reads."""


def our_processes() -> list[int]:
    home = place.instances_directory()
    return [pid for name in ("postgres", "rabbitmq") for pid in processes.of_instance(home / name)]


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""), timeout=TIMEOUT_SECONDS)


@pytest.fixture(scope="module")
def another_clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A clone beside ours that starts its private servers at the same moment."""
    if not (postgres.installed() and rabbitmq.installed()) and apt.why_not() is not None:
        pytest.skip(f"PostgreSQL and RabbitMQ cannot be installed: {apt.why_not()}")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AISTUDIO_RUN_DIR", str(tmp_path_factory.mktemp("beside")))
        environment.setenv("INFRASTRUCTURE", "packages")
        environment.delenv("AISTUDIO_POSTGRES_URL", raising=False)
        environment.delenv("AISTUDIO_RABBITMQ_URL", raising=False)
        command = [sys.executable, "-c", ANOTHER_CLONE]
        pipe = subprocess.PIPE
        clone = subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True)
        yield clone
        end(clone)
        shutil.rmtree(place.instances_directory())


@pytest.fixture(scope="module")
def private(
    tmp_path_factory: pytest.TempPathFactory, another_clone: subprocess.Popen[str]
) -> Iterator[Servers]:
    """Private servers in a run directory of this module, whatever else this machine runs."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AISTUDIO_RUN_DIR", str(tmp_path_factory.mktemp("run")))
        yield ensure_servers(silent)
        stop_servers()
        shutil.rmtree(place.instances_directory())


@pytest.fixture
def two_services(private: Servers) -> Iterator[dict[str, ServiceDatabase]]:
    yield ensure_databases(private.postgres_url, PREFIX, ["billing", "video"])
    drop_databases(private.postgres_url, PREFIX)


def test_private_servers_say_where_they_are_and_let_us_in(private: Servers) -> None:
    assert "private instance" in private.how["postgres"]
    assert "private instance" in private.how["rabbitmq"]
    assert postgres.lets_us_in(private.postgres_url)
    assert rabbitmq.lets_us_in(private.rabbitmq_url)


async def test_two_clones_start_their_servers_side_by_side(
    private: Servers, another_clone: subprocess.Popen[str]
) -> None:
    assert another_clone.stdout is not None
    theirs = another_clone.stdout.readline().strip()
    await publish_one(private.rabbitmq_url, "beside")
    assert rabbitmq.lets_us_in(theirs)
    with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
        await take_one(theirs, "beside")

    assert end(another_clone) == 0
    assert not rabbitmq.lets_us_in(theirs)
    assert await take_one(private.rabbitmq_url, "beside") == b"paid"


def end(clone: subprocess.Popen[str]) -> int:
    assert clone.stdin is not None
    clone.stdin.close()
    return clone.wait(timeout=60)


def test_second_command_finds_the_servers_of_the_first(private: Servers) -> None:
    before = our_processes()
    assert ensure_servers(silent) == private
    assert set(before) <= set(our_processes())


async def test_killed_servers_come_back_with_their_data(
    private: Servers, two_services: dict[str, ServiceDatabase]
) -> None:
    await write_a_row(two_services["billing"])
    await publish_one(private.rabbitmq_url, "killed")
    wait_until_registered("killed")
    processes.send(our_processes(), signal.SIGKILL)

    again = ensure_servers(silent)

    assert await read_rows(two_services["billing"]) == ["paid"]
    assert await take_one(again.rabbitmq_url, "killed") == b"paid"


def wait_until_registered(queue: str) -> None:
    # RabbitMQ 3.10 writes a new quorum queue's registration within a second after answering; killed
    # before that, the queue comes back without a leader.
    quorum = place.instances_directory() / "rabbitmq" / "data" / rabbitmq.NODE / "quorum"
    names = quorum / rabbitmq.NODE / "names.dets"
    assert processes.wait_until(lambda: queue.encode() in names.read_bytes(), TIMEOUT_SECONDS)


async def test_stopping_leaves_no_process_and_keeps_data(
    private: Servers, two_services: dict[str, ServiceDatabase]
) -> None:
    await write_a_row(two_services["billing"])
    await publish_one(private.rabbitmq_url, "stopped")

    stop_servers()

    assert our_processes() == []
    assert not ports.is_listening(int(private.postgres_url.rpartition(":")[2].split("/")[0]))
    again = start_with_two_commands_at_once()
    assert await read_rows(two_services["billing"]) == ["paid"]
    assert await take_one(again.rabbitmq_url, "stopped") == b"paid"


def start_with_two_commands_at_once() -> Servers:
    command = [sys.executable, "-m", "local.infrastructure"]
    both = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait(timeout=90) for one in both] == [0, 0]
    assert len(processes.named(our_processes(), "beam.smp")) == 1
    return ensure_servers(silent)


async def test_runtime_role_reads_and_writes_what_the_owner_made(
    two_services: dict[str, ServiceDatabase],
) -> None:
    await write_a_row(two_services["billing"])
    runtime = await connect(two_services["billing"].url)
    await runtime.execute("INSERT INTO payments (state) VALUES ('refunded')")
    await runtime.execute("UPDATE payments SET state = 'settled' WHERE state = 'paid'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute("CREATE TABLE mine (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await runtime.execute("ALTER TABLE payments DISABLE ROW LEVEL SECURITY")
    await runtime.close()
    assert await read_rows(two_services["billing"]) == ["refunded", "settled"]


@pytest.mark.parametrize("database", ["aistudio_infra_video", "postgres", "template1"])
async def test_runtime_role_enters_no_other_database(
    two_services: dict[str, ServiceDatabase], database: str
) -> None:
    elsewhere = two_services["billing"].url.rpartition("/")[0] + f"/{database}"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connect(elsewhere)


async def test_service_roles_have_no_special_rights(
    private: Servers, two_services: dict[str, ServiceDatabase]
) -> None:
    administrator = await connect(private.postgres_url)
    roles = await administrator.fetch(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS special,"
        " pg_has_role('aistudio_infra_billing', oid, 'member') AS reachable, rolname"
        " FROM pg_roles WHERE starts_with(rolname, 'aistudio_infra_') ORDER BY rolname"
    )
    await administrator.close()
    assert len(roles) == 4
    assert not any(role["special"] for role in roles)
    assert [role["rolname"] for role in roles if role["reachable"]] == ["aistudio_infra_billing"]


async def test_making_databases_again_changes_nothing(
    private: Servers, two_services: dict[str, ServiceDatabase]
) -> None:
    await write_a_row(two_services["billing"])
    assert ensure_databases(private.postgres_url, PREFIX, ["billing", "video"]) == two_services
    assert await read_rows(two_services["billing"]) == ["paid"]


async def test_a_database_that_is_not_ours_is_left_alone(
    private: Servers, two_services: dict[str, ServiceDatabase]
) -> None:
    administrator = await connect(private.postgres_url)
    await administrator.execute(f"CREATE DATABASE {PREFIX}_stranger")
    try:
        with pytest.raises(NotOurDatabase, match="stranger"):
            drop_databases(private.postgres_url, PREFIX)
        with pytest.raises(NotOurDatabase, match="stranger"):
            ensure_databases(private.postgres_url, PREFIX, ["stranger"])
        await (await connect(two_services["billing"].url)).close()
    finally:
        await administrator.execute(f"DROP DATABASE {PREFIX}_stranger")
        await administrator.close()


async def test_dropping_a_prefix_spares_a_longer_one(
    private: Servers, two_services: dict[str, ServiceDatabase]
) -> None:
    longer = ensure_databases(private.postgres_url, f"{PREFIX}_billing", ["late"])
    drop_databases(private.postgres_url, PREFIX)
    await (await connect(longer["late"].url)).close()
    assert marked_prefixes(private.postgres_url, PREFIX) == [f"{PREFIX}_billing"]
    drop_databases(private.postgres_url, f"{PREFIX}_billing")
    assert marked_prefixes(private.postgres_url, PREFIX) == []


@pytest.mark.parametrize("prefix", ["", "Upper", 'x"; DROP ROLE y', "a" * 58])
def test_names_unsafe_in_sql_are_refused(private: Servers, prefix: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        ensure_databases(private.postgres_url, prefix, ["billing"])


async def test_a_virtual_host_is_apart_and_can_be_removed(private: Servers) -> None:
    url = ensure_vhost(private, "story one")
    assert url == vhost_url(private.rabbitmq_url, "story one")
    await publish_one(url, "apart")
    with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
        await take_one(private.rabbitmq_url, "apart")
    drop_vhost(private, "story one")
    assert not rabbitmq.lets_us_in(url)
    drop_vhost(private, "story one")


async def write_a_row(database: ServiceDatabase) -> None:
    owner = await connect(database.owner_url)
    await owner.execute("CREATE TABLE payments (id serial PRIMARY KEY, state text)")
    await owner.execute("INSERT INTO payments (state) VALUES ('paid')")
    await owner.close()


async def read_rows(database: ServiceDatabase) -> list[str]:
    runtime = await connect(database.url)
    rows = await runtime.fetch("SELECT state FROM payments ORDER BY state")
    await runtime.close()
    return [row["state"] for row in rows]


async def publish_one(url: str, queue: str) -> None:
    async with await aio_pika.connect(url, timeout=TIMEOUT_SECONDS) as connection:
        channel = await connection.channel()
        await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(b"paid", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, queue, timeout=TIMEOUT_SECONDS)


async def take_one(url: str, queue: str) -> bytes:
    async with await aio_pika.connect(url, timeout=TIMEOUT_SECONDS) as connection:
        channel = await connection.channel()
        waiting = await channel.get_queue(queue)
        message = await waiting.get(no_ack=True, timeout=TIMEOUT_SECONDS)
        assert message is not None
        return message.body
