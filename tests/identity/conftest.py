"""Fixtures: the running identity application and people who use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select, text, update

from chassis.caller import sign_gateway
from chassis.database import Database
from chassis.outbox import OutboxRow
from chassis.settings import StorageSettings
from chassis.testing import KeyPair
from contracts.caller import Caller
from contracts.private import EmailVerificationRequested, InvitationSent, Letter
from local.vendors.server import RunningVendors, VendorsSettings, start_vendors
from services.identity.app import create_app
from services.identity.settings import Settings
from services.identity.tables import UserRow
from tests.chaos.invariants.people import IDENTITY
from tests.chaos.world import World
from tests.local.serving import free_socket, served
from tests.support.openid import OpenIdProvider
from tests.support.services import ServiceUnderTest

PASSWORD = "correct horse battery"

L = TypeVar("L", bound=Letter)


@dataclass
class Person:
    """Somebody who signed up, with a client that acts as the gateway would for them."""

    email: str
    token: str
    caller: Caller
    client: httpx.AsyncClient

    @property
    def workspace_id(self) -> UUID:
        return self.caller.workspace_id


class Identity:
    """The application under test, seen from the gateway."""

    def __init__(self, services: ServiceUnderTest, app: FastAPI, key_pair: KeyPair) -> None:
        self._services = services
        self.app = app
        self._key_pair = key_pair
        self.database: Database = services.database("identity")
        self.anonymous = services.client(app)

    def client_of(self, caller: Caller) -> httpx.AsyncClient:
        return self._services.client(self.app, caller)

    async def ask_principal(self, **shown: str) -> httpx.Response:
        token = sign_gateway(self._key_pair.private_key)
        return await self.anonymous.post(
            "/internal/principals", json=shown, headers={"authorization": f"Bearer {token}"}
        )

    async def person(self, **details: Any) -> Person:
        """Somebody new, signed up through the door and recognised by their cookie."""
        body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
        body |= details
        email = str(body["email"])
        answer = await self.anonymous.post("/v1/auth/sign-up", json=body)
        assert answer.status_code == 201, answer.text
        token = answer.cookies["session"]
        self.anonymous.cookies.clear()
        return Person(email, token, *await self.recognise(token))

    async def letters(self, kind: type[L], to: str) -> list[L]:
        """What was written to this address, oldest first: secrets, as the mail would show them."""
        query = select(OutboxRow.body).where(
            OutboxRow.routing_key == kind.routing_key, OutboxRow.body["to"].astext == to
        )
        async with self.database.across_workspaces() as session:
            bodies = await session.scalars(query.order_by(OutboxRow.position))
            return [kind.model_validate(body) for body in bodies]

    async def verified(self, person: Person) -> Person:
        """The same person after they followed the link of the mail."""
        [letter] = await self.letters(EmailVerificationRequested, person.email)
        answer = await self.anonymous.post("/v1/auth/email/verify", json={"token": letter.token})
        assert answer.status_code == 204, answer.text
        return person

    async def invite(self, by: Person, email: str, role: str = "member") -> InvitationSent:
        body = {"email": email, "role": role}
        answer = await by.client.post("/v1/invitations", json=body)
        assert answer.status_code == 201, answer.text
        return (await self.letters(InvitationSent, email))[-1]

    async def colleague(self, of: Person, role: str = "member") -> Person:
        """Somebody new who accepted an invitation into the workspace."""
        email = f"{uuid4().hex}@example.com"
        letter = await self.invite(of, email, role)
        return await self.person(email=email, invitation_token=letter.token)

    async def administrator(self) -> Person:
        """A system administrator with a workspace and a session of their own."""
        person = await self.person(name="Admin")
        async with self.database.transaction(person.caller) as session:
            await session.execute(update(UserRow).values(is_system_admin=True))
        person.caller, person.client = await self.recognise(person.token)
        return person

    @asynccontextmanager
    async def only_administrators(self, *people: Person) -> AsyncIterator[None]:
        """Nobody else of all the tests' administrators is one meanwhile."""
        others = UserRow.id.not_in([person.caller.member_id for person in people])
        async with self.database.across_workspaces() as session:
            known = list(
                await session.scalars(select(UserRow.id).where(UserRow.is_system_admin, others))
            )
            await session.execute(update(UserRow).where(others).values(is_system_admin=False))
        try:
            yield
        finally:
            async with self.database.across_workspaces() as session:
                back = update(UserRow).where(UserRow.id.in_(known)).values(is_system_admin=True)
                await session.execute(back)

    async def set_plan(self, person: Person, **standing: Any) -> Person:
        """The same person under another plan or status, as an administrator decided."""
        admin = await self.administrator()
        path = f"/v1/admin/workspaces/{person.workspace_id}"
        answer = await admin.client.patch(path, json={"reason": "test", **standing})
        assert answer.status_code == 200, answer.text
        person.caller, person.client = await self.recognise(person.token)
        return person

    async def recognise(self, token: str) -> tuple[Caller, httpx.AsyncClient]:
        answer = await self.ask_principal(session_token=token)
        assert answer.status_code == 200, answer.text
        caller = Caller.model_validate(answer.json()["caller"])
        return caller, self.client_of(caller)


@pytest.fixture(scope="package")
async def vendors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningVendors]:
    """The storage stand-in."""
    state = tmp_path_factory.mktemp("identity-vendors")
    running = await start_vendors(VendorsSettings(state=state, names=["s3"]))
    yield running
    await running.stop()


@pytest.fixture(scope="package")
def storage_settings(vendors: RunningVendors) -> StorageSettings:
    known = VendorsSettings()
    return StorageSettings(
        endpoint_url=vendors.addresses["s3"],
        bucket=known.s3_buckets[0],
        access_key=known.s3_access_key,
        secret_key=SecretStr(known.s3_secret_key),
    )


@pytest.fixture(scope="package")
async def openid() -> AsyncIterator[OpenIdProvider]:
    """An OpenID provider on a port of its own."""
    bound, address = free_socket()
    provider = OpenIdProvider(address)
    async with served(provider.app, bound):
        yield provider


@pytest.fixture(scope="package")
def identity_app(
    services: ServiceUnderTest, storage_settings: StorageSettings, openid: OpenIdProvider
) -> FastAPI:
    settings = services.settings(
        Settings,
        secure_cookies=False,
        sign_up_signs_in=True,
        password_threads=1,
        public_url="https://studio.example",
        google_client_id=openid.client_id,
        google_client_secret=openid.client_secret,
        google_issuer=openid.address,
    )
    return create_app(settings, storage_settings)


@pytest.fixture(scope="package")
async def identity(
    services: ServiceUnderTest, identity_app: FastAPI, key_pair: KeyPair
) -> AsyncIterator[Identity]:
    async with identity_app.state.storage:
        under_test = Identity(services, identity_app, key_pair)
        yield under_test
        await check_invariants(under_test.database)
    await identity_app.state.database.close()
    await services.close()


@pytest.fixture
async def kari(identity: Identity) -> Person:
    return await identity.person()


@pytest.fixture
def system_admin(identity: Identity, kari: Person) -> httpx.AsyncClient:
    """A client of a system administrator from another workspace."""
    caller = kari.caller.model_copy(
        update={"member_id": uuid4(), "workspace_id": uuid4(), "is_system_admin": True}
    )
    return identity.client_of(caller)


class Eyes:
    """Identity's database for the checks of the whole product."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def column(self, _: str, query: str) -> list[str]:
        async with self._database.across_workspaces() as session:
            return [str(found) for found in (await session.execute(text(query))).scalars()]


async def check_invariants(database: Database) -> None:
    """What holds whatever was done to identity: after all its tests, on all their rows."""
    for one in IDENTITY:
        # test_audit_log.py breaks logs on purpose.
        if one.id != "I9":
            assert await one.check(cast(World, Eyes(database))) == [], one.sentence
