"""Finds servers that already run: named by the environment, or on their standard ports."""

import getpass
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from local.infrastructure import place, ports, postgres, processes, rabbitmq
from local.infrastructure.found import Found
from local.infrastructure.missing import InfrastructureMissing

POSTGRES_VARIABLE = "AISTUDIO_POSTGRES_URL"
RABBITMQ_VARIABLE = "AISTUDIO_RABBITMQ_URL"
MANAGEMENT_VARIABLE = "AISTUDIO_RABBITMQ_MANAGEMENT_URL"
POSTGRES_PORT = 5432
RABBITMQ_PORT = 5672
MANAGEMENT_PORT = 15672
SOCKETS = Path("/var/run/postgresql")
# Peer authentication works for one operating system user on the socket; services come by TCP with
# a password, so it is used once, to make a role that may make theirs.
ADMINISTRATOR = "ai_studio_administrator"
PSQL_TIMEOUT_SECONDS = 10


def named_postgres() -> Found | None:
    """The server of AISTUDIO_POSTGRES_URL. Raises InfrastructureMissing when it lets nobody in."""
    url = os.environ.get(POSTGRES_VARIABLE)
    if not url:
        return None
    plain = url.replace("+asyncpg", "", 1)
    if not postgres.lets_us_in(plain):
        raise InfrastructureMissing(
            f"{POSTGRES_VARIABLE} names {_address(url)}, which does not answer or does not let that"
            " user create roles and databases: correct it or unset it."
        )
    return Found(plain, f"{POSTGRES_VARIABLE} ({_address(url)})")


def named_rabbitmq() -> Found | None:
    """The broker of AISTUDIO_RABBITMQ_URL. Raises InfrastructureMissing when it lets nobody in."""
    url = os.environ.get(RABBITMQ_VARIABLE)
    if not url:
        return None
    if not rabbitmq.lets_us_in(url):
        raise InfrastructureMissing(
            f"{RABBITMQ_VARIABLE} names {_address(url)}, which does not answer or does not let that"
            " user declare queues: correct it or unset it."
        )
    management = os.environ.get(MANAGEMENT_VARIABLE) or _management(urlsplit(url).hostname)
    return Found(url, f"{RABBITMQ_VARIABLE} ({_address(url)})", management)


def answering_postgres() -> Found | None:
    """PostgreSQL on its standard port or socket, when it lets us make roles and databases."""
    if not ports.is_listening(POSTGRES_PORT):
        return None
    us = getpass.getuser()
    administrator = f"{ADMINISTRATOR}:{place.password_for(ADMINISTRATOR)}"
    for user in dict.fromkeys(("postgres", us, administrator)):
        url = f"postgresql://{user}@{ports.HOST}:{POSTGRES_PORT}/postgres"
        if postgres.lets_us_in(url):
            return Found(url, f"running on {ports.HOST}:{POSTGRES_PORT}")
    url = f"postgresql://{administrator}@{ports.HOST}:{POSTGRES_PORT}/postgres"
    if _made_administrator(us) and postgres.lets_us_in(url):
        return Found(url, f"running on {ports.HOST}:{POSTGRES_PORT}, entered by its socket")
    return None


def answering_rabbitmq() -> Found | None:
    """RabbitMQ on its standard port, when it lets guest declare queues."""
    url = f"amqp://guest:guest@{ports.HOST}:{RABBITMQ_PORT}/"
    if not ports.is_listening(RABBITMQ_PORT) or not rabbitmq.lets_us_in(url):
        return None
    return Found(url, f"running on {ports.HOST}:{RABBITMQ_PORT}", _management(ports.HOST))


def _management(host: str | None) -> str | None:
    if host is None or not ports.is_listening(MANAGEMENT_PORT, host):
        return None
    return f"http://{host}:{MANAGEMENT_PORT}"


def _made_administrator(us: str) -> bool:
    password = place.password_for(ADMINISTRATOR)
    statement = (
        f"DO $$ BEGIN CREATE ROLE {ADMINISTRATOR};"
        " EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        f" ALTER ROLE {ADMINISTRATOR} LOGIN CREATEDB CREATEROLE PASSWORD '{password}';"
    )
    peers: list[tuple[str, dict[str, Any]]] = [(us, {})]
    if os.geteuid() == 0 and _is_account(postgres.USER):
        peers.append((postgres.USER, processes.runs_as(postgres.USER)))
    return any(_psql(user, statement, identity) for user, identity in peers)


def _psql(user: str, statement: str, identity: dict[str, Any]) -> bool:
    program = shutil.which("psql")
    if program is None or not SOCKETS.is_dir():
        return False
    command = [program, "-X", "-q", "-w", "-h", str(SOCKETS), "-U", user, "-d", "postgres"]
    port = str(POSTGRES_PORT)
    # The statement goes by standard input: arguments are there for every process to read.
    done = subprocess.run(
        [*command, "-p", port, "-v", "ON_ERROR_STOP=1"],
        input=statement,
        capture_output=True,
        text=True,
        timeout=PSQL_TIMEOUT_SECONDS,
        check=False,
        cwd="/",
        **identity,
    )
    return done.returncode == 0


def _is_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _address(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
