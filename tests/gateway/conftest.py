"""Fixtures: a real identity with its relay, an echoing service, and gateways in front of them."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from chassis import topology
from chassis.messages import message_of
from chassis.settings import StorageSettings
from chassis.testing import KeyPair
from contracts.event import Event
from services.gateway import limits
from services.gateway.app import create_app
from services.gateway.settings import Settings
from services.identity.app import create_app as create_identity
from services.identity.settings import Settings as IdentitySettings
from tests.gateway.echo import Echo
from tests.gateway.serving import free_socket, served
from tests.support.services import ServiceUnderTest

PASSWORD = "correct horse battery"
PLENTY = 1_000_000


@dataclass
class Gateway:
    """A running gateway, and clients of it."""

    address: str
    state: Any

    def client(self, session: str | None = None, **headers: str) -> httpx.AsyncClient:
        if session is not None:
            headers["cookie"] = f"session={session}"
        return httpx.AsyncClient(
            base_url=self.address, headers=headers, timeout=10, trust_env=False
        )


@dataclass
class Person:
    """Somebody who signed up through the gateway."""

    email: str
    session: str
    workspace_id: UUID
    member_id: UUID


StartGateway = Callable[..., AbstractAsyncContextManager[Gateway]]
Publish = Callable[..., Any]


@pytest.fixture(scope="session")
async def echo() -> Echo:
    return Echo()


@pytest.fixture(scope="session")
async def echo_address(echo: Echo) -> AsyncIterator[str]:
    async with served(echo.app) as address:
        yield address


@pytest.fixture(scope="session")
def identity_app(services: ServiceUnderTest) -> FastAPI:
    settings = services.settings(
        IdentitySettings,
        secure_cookies=False,
        sign_up_signs_in=True,
        password_threads=1,
        worker_in_app=True,
    )
    # No test here uploads a logo: nothing has to answer at this address.
    storage = StorageSettings(
        endpoint_url="http://127.0.0.1:9",
        bucket="media",
        access_key="unused",
        secret_key=SecretStr("unused"),
    )
    return create_identity(settings, storage)


@pytest.fixture(scope="session")
async def identity_address(identity_app: FastAPI) -> AsyncIterator[str]:
    async with served(identity_app) as address:
        yield address


@pytest.fixture(scope="session")
def start_gateway(
    identity_address: str, echo_address: str, vhost: str, key_pair: KeyPair
) -> StartGateway:
    """`async with start_gateway(read_timeout_seconds=1) as gateway`: one more replica."""

    @asynccontextmanager
    async def start(*, hearing: bool = True, **values: Any) -> AsyncIterator[Gateway]:
        urls = {f"{name}_url": echo_address for name in ("imaging", "video", "billing")}
        defaults = {
            **urls,
            "affiliate_url": echo_address,
            "notifications_url": echo_address,
            "identity_url": identity_address,
            "rabbitmq_url": vhost,
            "caller_signing_key": key_pair.private_key,
            "secure_cookies": False,
            "anonymous_calls_per_minute": PLENTY,
            "unknown_credentials_per_minute": PLENTY,
            "sign_ins_per_address": PLENTY,
            "calls_per_minute": dict.fromkeys(("free", "pro", "enterprise"), PLENTY),
            "generations_per_hour": dict.fromkeys(("free", "pro", "enterprise"), PLENTY),
            "uploads_per_day": dict.fromkeys(("free", "pro", "enterprise"), PLENTY),
        }
        app: Any = create_app(Settings(**{**defaults, **values}))
        async with served(app) as address:
            gateway = Gateway(address, app._own.state)
            if hearing:
                await until(gateway.state.listener.hears)
            yield gateway

    return start


@pytest.fixture(scope="session")
async def gateway(start_gateway: StartGateway) -> AsyncIterator[Gateway]:
    async with start_gateway() as running:
        yield running


@pytest.fixture(scope="session")
def sign_up(gateway: Gateway) -> Callable[[], Any]:
    async def somebody() -> Person:
        body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
        async with gateway.client() as client:
            answer = await client.post("/v1/auth/sign-up", json=body)
            assert answer.status_code == 201, answer.text
            session = answer.cookies["session"]
            me = answer.json()
        workspace_id = me["workspace"]["id"]
        # A stream opened from here on does not begin with the fact of this sign-up.
        known = gateway.state.progress.streams._recent
        await until(lambda: any(fact.workspace_id == workspace_id for fact in known))
        return Person(body["email"], session, UUID(me["workspace"]["id"]), UUID(me["member"]["id"]))

    return somebody


@pytest.fixture
async def kari(sign_up: Callable[[], Any]) -> Person:
    person: Person = await sign_up()
    return person


@pytest.fixture
async def member(gateway: Gateway, kari: Person) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client(kari.session) as client:
        yield client


@pytest.fixture(scope="session")
async def publish(vhost: str) -> AsyncIterator[Publish]:
    """Publishes facts as any service's relay does."""
    connection = await aio_pika.connect(vhost, timeout=5)
    channel = await connection.channel()
    await topology.declare(channel, ())
    exchange = await channel.get_exchange(topology.EVENTS, ensure=False)

    async def send(*facts: Event) -> None:
        for fact in facts:
            body = fact.model_dump(mode="json")
            message = message_of(source="test", routing_key=fact.routing_key, body=body, trace={})
            await exchange.publish(message, fact.routing_key, timeout=5)

    yield send
    await connection.close()


async def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
async def shared_counts(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A Redis of this test's own, as replicas share it."""
    # On a busy machine it is slow, not away.
    monkeypatch.setattr(limits, "STORAGE_TIMEOUT_SECONDS", 10.0)
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("neither valkey-server nor redis-server is installed here")
    bound, address = free_socket()
    bound.close()
    port = address.rpartition(":")[2]
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    running = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        await _until_open(int(port))
        yield f"async+valkey://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(10)


async def _until_open(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
