"""Decides where PostgreSQL and RabbitMQ come from, and starts them when nobody runs them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from local import apt
from local.infrastructure import containers, place, postgres, rabbitmq, running
from local.infrastructure.ffmpeg import find_ffmpeg
from local.infrastructure.found import Found
from local.infrastructure.missing import InfrastructureMissing

Progress = Callable[[str], None]
WAYS = ("auto", "running", "containers", "packages")


@dataclass(frozen=True)
class Servers:
    """The servers of this machine, and for people where each came from."""

    postgres_url: str
    rabbitmq_url: str
    rabbitmq_management_url: str | None
    how: dict[str, str]


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of server, and every way of having it."""

    title: str
    variable: str
    port: int
    package: str
    named: Callable[[], Found | None]
    answering: Callable[[], Found | None]
    recipe: containers.Recipe
    private_running: Callable[[], Found | None]
    private_installed: Callable[[], bool]
    private_start: Callable[[], Found]
    private_stop: Callable[[], bool]


POSTGRES = Kind(
    title="PostgreSQL",
    variable=running.POSTGRES_VARIABLE,
    port=running.POSTGRES_PORT,
    package="postgresql",
    named=running.named_postgres,
    answering=running.answering_postgres,
    recipe=containers.POSTGRES,
    private_running=postgres.running,
    private_installed=postgres.installed,
    private_start=postgres.start,
    private_stop=postgres.stop,
)
RABBITMQ = Kind(
    title="RabbitMQ",
    variable=running.RABBITMQ_VARIABLE,
    port=running.RABBITMQ_PORT,
    package="rabbitmq-server",
    named=running.named_rabbitmq,
    answering=running.answering_rabbitmq,
    recipe=containers.RABBITMQ,
    private_running=rabbitmq.running,
    private_installed=rabbitmq.installed,
    private_start=rabbitmq.start,
    private_stop=rabbitmq.stop,
)
KINDS = (POSTGRES, RABBITMQ)


def ensure_servers(progress: Progress = print) -> Servers:
    """Finds PostgreSQL and RabbitMQ or starts them. Raises InfrastructureMissing.

    The order is: the environment's URL, what an earlier command of this clone started, servers on
    their standard ports, containers, Debian packages. INFRASTRUCTURE forces one way.
    """
    way = chosen_way()
    with place.one_at_a_time(progress), ThreadPoolExecutor(len(KINDS)) as pool:
        found = dict(zip(KINDS, pool.map(lambda kind: find(kind, way), KINDS), strict=True))
        absent = [kind for kind in KINDS if found[kind] is None]
        if absent:
            start = starter(absent, way, progress)
            found.update(zip(absent, pool.map(start, absent), strict=True))
    return _servers(_had(found[POSTGRES]), _had(found[RABBITMQ]))


def stop_servers() -> None:
    """Stops what a command of this clone started, whichever way; data is kept."""
    with place.one_at_a_time(print), ThreadPoolExecutor(len(KINDS)) as pool:
        list(pool.map(_stop, KINDS))


def chosen_way() -> str:
    way = os.environ.get("INFRASTRUCTURE") or "auto"
    if way not in WAYS:
        raise InfrastructureMissing(f"INFRASTRUCTURE={way} is not one of {', '.join(WAYS)}.")
    return way


def find(kind: Kind, way: str) -> Found | None:
    """A server that answers already, by the ways that are allowed."""
    finders: list[Callable[[], Found | None]] = [kind.named]
    if way in ("auto", "packages"):
        finders.append(kind.private_running)
    if way in ("auto", "containers"):
        finders.append(lambda: containers.running(kind.recipe))
    if way in ("auto", "running"):
        finders.append(kind.answering)
    answers = (finder() for finder in finders)
    return next((found for found in answers if found is not None), None)


def starter(absent: Sequence[Kind], way: str, progress: Progress) -> Callable[[Kind], Found]:
    """How the absent servers will be started; installs packages once for all of them."""
    reasons: list[str] = []
    if way in ("auto", "containers"):
        no_engine = containers.why_no_engine()
        if no_engine is None:
            progress(f"starting {_titles(absent)} in containers (the first time fetches images)")
            return lambda kind: containers.start(kind.recipe)
        reasons.append(no_engine)
    if way in ("auto", "packages"):
        cannot_install = _install(absent, progress)
        if cannot_install is None:
            progress(f"starting {_titles(absent)} as private instances")
            return lambda kind: kind.private_start()
        reasons.append(cannot_install)
    raise InfrastructureMissing(_sentence(absent, reasons))


def _install(absent: Sequence[Kind], progress: Progress) -> str | None:
    missing = [kind for kind in absent if not kind.private_installed()]
    if not missing:
        return None
    reason = apt.why_not()
    if reason is not None:
        return reason
    progress(f"installing {_titles(missing)} with apt-get")
    try:
        apt.install([kind.package for kind in missing])
    except apt.NotInstalled as failed:
        return str(failed)
    return None


def _sentence(absent: Sequence[Kind], reasons: Sequence[str]) -> str:
    where = " and ".join(f"{kind.title} on port {kind.port}" for kind in absent)
    variables = " and ".join(kind.variable for kind in absent)
    because = f" ({'; '.join(reasons)})" if reasons else ""
    return (
        f"{_titles(absent)} cannot be found or started here{because}: start {where}, or set"
        f" {variables}, or start a container engine, or run on Debian or Ubuntu as root."
    )


def _stop(kind: Kind) -> None:
    kind.private_stop()
    containers.stop(kind.recipe)


def _servers(database: Found, broker: Found) -> Servers:
    how = {"postgres": database.how, "rabbitmq": broker.how}
    try:
        how["ffmpeg"] = str(find_ffmpeg().ffmpeg)
    except InfrastructureMissing:
        how["ffmpeg"] = "missing"
    return Servers(database.url, broker.url, broker.management_url, how)


def _had(found: Found | None) -> Found:
    if found is None:
        raise AssertionError("every absent server was started or refused")
    return found


def _titles(kinds: Sequence[Kind]) -> str:
    return " and ".join(kind.title for kind in kinds)
