"""What the measurements need: identity, imaging, nginx, and gateways under each server."""

import asyncio
import importlib.util
import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from benchmarks.gateway import nginx
from chassis import caller as caller_token
from chassis import migrations
from contracts.caller import Caller
from local.infrastructure import ensure_servers
from local.infrastructure.brokers import drop_vhost, ensure_vhost
from local.infrastructure.databases import drop_databases
from local.infrastructure.ports import HOST, free_port
from local.product import Options, Product, Program, plan_product
from local.supervisor import Supervisor
from local.supervisor import running as programs_running

BARE = "bare proxy"
PLENTY = 100_000_000
PEOPLE = 20
SERVICES = ("identity", "imaging")
LIMITS = {
    "GATEWAY_CALLS_PER_MINUTE": f'{{"free": {PLENTY}, "pro": {PLENTY}, "enterprise": {PLENTY}}}',
    "GATEWAY_ANONYMOUS_CALLS_PER_MINUTE": str(PLENTY),
    "GATEWAY_STREAMS_PER_WORKSPACE": "1000",
}
# As in production, where the worker is another process.
APART = {f"{name.upper()}_WORKER_IN_APP": "false" for name in SERVICES}


@dataclass(frozen=True)
class Person:
    """Somebody signed in, and what the gateway says of them to the services."""

    session: str
    caller: Caller


@dataclass(frozen=True)
class House:
    """Addresses, by the name of the process, and everybody who signed up."""

    addresses: dict[str, str]
    supervisor: Supervisor
    nginx: nginx.Nginx
    people: list[Person]
    signing_key: str
    rabbitmq_url: str

    def pid(self, name: str) -> int:
        found = self.supervisor.supervised[name].pid
        assert found is not None, f"{name} does not run"
        return found


@asynccontextmanager
async def opened() -> AsyncIterator[House]:
    """Everything runs inside the block, on databases of its own that are dropped after it."""
    servers = await asyncio.to_thread(ensure_servers, print)
    prefix = f"aistudio_t{os.getpid()}_{secrets.token_hex(3)}"
    rabbitmq_url = await asyncio.to_thread(ensure_vhost, servers, prefix)
    try:
        with tempfile.TemporaryDirectory() as state:
            options = Options(Path(state), prefix, extra=LIMITS | APART)
            product = await asyncio.to_thread(plan_product, servers, rabbitmq_url, options)
            await asyncio.to_thread(_migrate, product)
            async with _running(product, rabbitmq_url) as house:
                yield house
    finally:
        await asyncio.to_thread(drop_vhost, servers, prefix)
        await asyncio.to_thread(drop_databases, servers.postgres_url, prefix)


@asynccontextmanager
async def _running(product: Product, rabbitmq_url: str) -> AsyncIterator[House]:
    plan = {program.name: program for program in product.programs}
    services = [plan[name] for name in SERVICES]
    async with nginx.running(product.addresses["identity"]) as beside:
        gateways = _gateways(plan["gateway"], beside)
        addresses = product.addresses | {
            program.name: (program.ready_url or "").removesuffix("/health/ready")
            for program in gateways
        }
        async with programs_running([*services, *gateways], print) as supervisor:
            await supervisor.until_ready()
            key = plan["gateway"].environment["GATEWAY_CALLER_SIGNING_KEY"]
            people = [await _sign_up(addresses, key) for _ in range(PEOPLE)]
            yield House(addresses, supervisor, beside, people, key, rabbitmq_url)


def _gateways(program: Program, beside: nginx.Nginx) -> list[Program]:
    """The gateway as it ships, telling a collector of requests, under granian; a bare proxy."""
    environment = program.environment | {
        "GATEWAY_IDENTITY_URL": beside.identity,
        "GATEWAY_VIDEO_URL": beside.upstream,
    }
    plain = replace(program, environment=environment)
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": beside.upstream}
    some = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}
    found = [
        plain,
        _elsewhere(plain, "gateway, one trace in ten told", 8183, environment | told | some),
        _elsewhere(plain, "gateway, every trace told", 8180, environment | told),
    ]
    found.append(_bare(_elsewhere(plain, BARE, 8182, {"BARE_UPSTREAM": beside.upstream})))
    if importlib.util.find_spec("granian") is not None:
        found.append(_under_granian(_elsewhere(plain, "gateway, granian", 8181, environment)))
    return found


def _elsewhere(program: Program, name: str, port: int, environment: dict[str, str]) -> Program:
    port = free_port(port)
    arguments = list(program.arguments)
    arguments[arguments.index("--port") + 1] = str(port)
    url = f"http://{HOST}:{port}/health/ready"
    return Program(name, tuple(arguments), environment, url)


def _bare(program: Program) -> Program:
    served = [part for part in program.arguments if part != "--factory"]
    served[served.index("services.gateway.app:create_app")] = "benchmarks.gateway.bare:app"
    return replace(program, arguments=tuple(served))


def _under_granian(program: Program) -> Program:
    arguments = program.arguments
    port = arguments[arguments.index("--port") + 1]
    return replace(
        program,
        arguments=(
            *("-m", "granian", "services.gateway.app:create_app", "--factory"),
            *("--interface", "asgi", "--host", HOST, "--port", port, "--workers", "1"),
            *("--loop", "uvloop", "--http", "1", "--no-ws", "--log-level", "warning"),
        ),
    )


async def _sign_up(addresses: dict[str, str], signing_key: str) -> Person:
    body = {
        "name": "Kari Nordmann",
        "email": f"{secrets.token_hex(8)}@example.com",
        "password": "correct horse battery",
    }
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        answer = await client.post(f"{addresses['gateway']}/v1/auth/sign-up", json=body)
        answer.raise_for_status()
        session = answer.cookies["session"]
        # What the gateway is told, so that the services called directly get the same token.
        found = await client.post(
            f"{addresses['identity']}/internal/principals",
            json={"session_token": session},
            headers={"authorization": f"Bearer {caller_token.sign_gateway(signing_key)}"},
        )
        found.raise_for_status()
    return Person(session, Caller.model_validate(found.json()["caller"]))


def _migrate(product: Product) -> None:
    # Alembic keeps its context in globals: one service after the other, in one thread.
    with ThreadPoolExecutor(1) as thread:
        for service in SERVICES:
            url = product.databases[service].owner_url
            thread.submit(migrations.upgrade, service, url).result(timeout=60)
