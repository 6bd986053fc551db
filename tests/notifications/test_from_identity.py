"""From a door of identity to the mailbox and back, over the broker's private exchange."""

import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from chassis import migrations
from chassis.database import Database, SystemScope
from chassis.outbox import OutboxRow
from services.identity.app import create_app as create_identity
from services.identity.settings import Settings as IdentitySettings
from tests.local.serving import free_socket, served
from tests.notifications.conftest import Mailing, ready
from tests.support.servers import MakeDatabases
from tests.support.services import ServiceUnderTest, connected

PASSWORD = "correct horse battery"


@dataclass
class Identity:
    """Identity with its worker, on a port and with a database of its own."""

    address: str
    database: Database


@pytest.fixture(scope="module")
async def identity(
    mailing: Mailing, services: ServiceUnderTest, service_databases: MakeDatabases
) -> AsyncIterator[Identity]:
    # Not the one of identity's own tests: its worker would first mail all their letters.
    made = service_databases("identity", suffix="mail")["identity"]
    with ThreadPoolExecutor(1) as thread:
        thread.submit(migrations.upgrade, "identity", made.owner_url).result(timeout=60)
    settings = services.settings(
        IdentitySettings,
        database_url=made.url,
        secure_cookies=False,
        sign_up_signs_in=True,
        password_threads=1,
        worker_in_app=True,
        retry_delays_seconds=(0.1, 0.2, 0.4),
    )
    bound, address = free_socket()
    async with (
        served(create_identity(settings, mailing.storage), bound),
        connected(made.url) as database,
    ):
        await ready(address)
        yield Identity(address, database)


def token_in(mail: dict[str, str]) -> str:
    found = re.search(r"#token=([\w-]+)", mail["text"])
    assert found is not None
    return found[1]


async def test_a_person_verifies_and_forgets_their_password_by_mail(
    mailing: Mailing, identity: Identity
) -> None:
    email = f"{uuid4().hex}@example.no"
    body = {"name": "Kari", "email": email, "password": PASSWORD, "language": "nb"}
    async with httpx.AsyncClient(base_url=identity.address) as web:
        signed_up = await web.post("/v1/auth/sign-up", json=body)
        assert signed_up.status_code == 201
        [mail] = await mailing.mails_to(email)
        assert mail["subject"] == "Bekreft e-postadressen din"
        verified = await web.post("/v1/auth/email/verify", json={"token": token_in(mail)})
        assert verified.status_code == 204
        again = await web.post("/v1/auth/email/verify", json={"token": token_in(mail)})
        assert (again.status_code, again.json()["code"]) == (410, "token_not_valid")
        mails = await mailing.mails_to(email, 2)
        assert mails[1]["subject"] == "Velkommen til AI Studio"

        for asked in (email.upper(), f"{uuid4().hex}@example.no"):
            answer = await web.post("/v1/auth/password/forgot", json={"email": asked})
            assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
        mails = await mailing.mails_to(email, 3)
        reset = {"token": token_in(mails[2]), "password": "another password"}
        assert (await web.post("/v1/auth/password/reset", json=reset)).status_code == 204
        old = await web.post("/v1/auth/sign-in", json={"email": email, "password": PASSWORD})
        assert old.status_code == 401
        new = {"email": email, "password": "another password"}
        assert (await web.post("/v1/auth/sign-in", json=new)).status_code == 200
    workspace_id = UUID(signed_up.json()["workspace"]["id"])
    async with identity.database.transaction(SystemScope(workspace_id)) as session:
        query = select(OutboxRow).where(OutboxRow.workspace_id == workspace_id)
        rows = list(await session.scalars(query))
    secret = [row for row in rows if row.is_private and row.published_at is not None]
    assert len(secret) >= 3
    assert all(row.body is None for row in secret)
    public = " ".join(str(row.body) for row in rows if not row.is_private)
    assert email not in public
