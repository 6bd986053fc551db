"""PostgreSQL and RabbitMQ in containers, for a machine that has a container engine only."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from local.infrastructure import place, ports, postgres, processes, rabbitmq
from local.infrastructure.found import Found
from local.infrastructure.missing import InfrastructureMissing

ENGINE_TIMEOUT_SECONDS = 2
READY_TIMEOUT_SECONDS = 90
STOP_TIMEOUT_SECONDS = 20


@dataclass(frozen=True, eq=False)
class Recipe:
    """How one server is run in a container."""

    name: str
    image: str
    environment: Callable[[], dict[str, str]]
    command: str | None
    ports: dict[int, int]
    url: Callable[[dict[int, int]], str]
    lets_us_in: Callable[[str], bool]
    management_port: int | None = None


def _postgres_url(published: dict[int, int]) -> str:
    password = place.password_for(postgres.SUPERUSER)
    return f"postgresql://{postgres.SUPERUSER}:{password}@{ports.HOST}:{published[5432]}/postgres"


def _rabbitmq_url(published: dict[int, int]) -> str:
    password = place.password_for(rabbitmq.ACCOUNT)
    return f"amqp://{rabbitmq.ACCOUNT}:{password}@{ports.HOST}:{published[5672]}/"


POSTGRES = Recipe(
    name="postgres",
    image="postgres:17-alpine",
    environment=lambda: {"POSTGRES_PASSWORD": place.password_for(postgres.SUPERUSER)},
    command="postgres -c fsync=off -c full_page_writes=off -c max_connections=300",
    ports={5432: postgres.WANTED_PORT},
    url=_postgres_url,
    lets_us_in=postgres.lets_us_in,
)
RABBITMQ = Recipe(
    name="rabbitmq",
    image="rabbitmq:4-management",
    environment=lambda: {
        "RABBITMQ_DEFAULT_USER": rabbitmq.ACCOUNT,
        "RABBITMQ_DEFAULT_PASS": place.password_for(rabbitmq.ACCOUNT),
    },
    command=None,
    ports={5672: rabbitmq.WANTED_PORTS["amqp"], 15672: rabbitmq.WANTED_PORTS["management"]},
    url=_rabbitmq_url,
    lets_us_in=rabbitmq.lets_us_in,
    management_port=15672,
)


def why_no_engine() -> str | None:
    """The reason why no container can be run, or None when one can. Answers within two seconds."""
    try:
        docker = import_module("docker")
    except ImportError:
        return "testcontainers is not installed"
    try:
        engine = docker.from_env(timeout=ENGINE_TIMEOUT_SECONDS)
        engine.ping()
        engine.close()
    except docker.errors.DockerException:
        return "no container engine answers"
    return None


def running(recipe: Recipe) -> Found | None:
    """The container an earlier command left running, if it still lets us in."""
    published = _published(recipe)
    if not published or not all(ports.is_listening(port) for port in published.values()):
        return None
    return _found(recipe, published) if recipe.lets_us_in(recipe.url(published)) else None


def start(recipe: Recipe) -> Found:
    """Starts the container again, or makes it, and waits until it lets us in."""
    try:
        published = _restart(recipe) or _make(recipe)
    except (
        Exception
    ) as failed:  # the engine's, the registry's and testcontainers' errors share no base
        raise InfrastructureMissing(
            f"The container engine could not run {recipe.image} ({failed}): fetch it by hand, or"
            " start the server on its standard port."
        ) from failed
    if not processes.wait_until(
        partial(recipe.lets_us_in, recipe.url(published)), READY_TIMEOUT_SECONDS
    ):
        raise InfrastructureMissing(f"{recipe.image} started but did not let us in; see its logs.")
    return _found(recipe, published)


def stop(recipe: Recipe) -> bool:
    """Stops the container and keeps it with its data. False when none was running."""
    name = _record(recipe).get("container")
    if name is None or why_no_engine() is not None:
        return False
    try:
        container = _engine().containers.get(name)
    except import_module("docker.errors").NotFound:
        return False
    was_running: bool = container.status == "running"
    container.stop(timeout=STOP_TIMEOUT_SECONDS)
    return was_running


def _restart(recipe: Recipe) -> dict[int, int] | None:
    published = _published(recipe)
    if not published:
        return None
    try:
        _engine().containers.get(_record(recipe)["container"]).start()
    except import_module("docker.errors").NotFound:
        return None
    return published


def _make(recipe: Recipe) -> dict[int, int]:
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    # The reaper removes containers when this command ends; the next command wants to find them.
    testcontainers_config.ryuk_disabled = True
    claims = ports.Claims()
    published = {inner: claims.port(outer) for inner, outer in recipe.ports.items()}
    container = DockerContainer(recipe.image, command=recipe.command, env=recipe.environment())
    # A pair binds the loopback address only; with_bind_ports would open the port to the network.
    bound = {str(inner): (ports.HOST, outer) for inner, outer in published.items()}
    container.ports.update(cast("dict[str, int | None]", bound))
    # RabbitMQ keeps its data under its host's name, which would be the container's id.
    container.with_kwargs(hostname="aistudio")
    with claims:
        container.start()
    record = {"container": container.get_container_id(), "ports": published}
    place.write_record(_record_path(recipe), record)
    return published


def _engine() -> Any:
    return import_module("docker").from_env(timeout=READY_TIMEOUT_SECONDS)


def _published(recipe: Recipe) -> dict[int, int]:
    return {int(inner): outer for inner, outer in _record(recipe).get("ports", {}).items()}


def _record(recipe: Recipe) -> dict[str, Any]:
    return place.read_record(_record_path(recipe))


def _record_path(recipe: Recipe) -> Path:
    return place.instances_directory() / f"{recipe.name}-container.json"


def _found(recipe: Recipe, published: dict[int, int]) -> Found:
    port = next(iter(published.values()))
    management = (
        recipe.management_port and f"http://{ports.HOST}:{published[recipe.management_port]}"
    )
    return Found(
        recipe.url(published), f"container of {recipe.image}, port {port}", management or None
    )
