"""Fixtures: notifications with the mail and storage stand-ins behind it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from chassis.database import Database
from chassis.settings import StorageSettings
from local.vendors.control import StandIn
from local.vendors.server import RunningVendors, VendorsSettings, start_vendors
from services.notifications.app import create_app
from services.notifications.mails.use_cases import Post
from services.notifications.settings import Settings
from tests.local.serving import free_socket, served
from tests.support.services import ServiceUnderTest, make_caller

PUBLIC_URL = "https://studio.example"


@dataclass
class Mailing:
    """The running service, and the mailbox everybody's mail ends up in."""

    app: FastAPI
    database: Database
    vendors: RunningVendors
    address: str
    storage: StorageSettings

    @property
    def resend(self) -> StandIn:
        return self.vendors.stand_ins["resend"]

    @property
    def post(self) -> Post:
        post: Post = self.app.state.post
        return post

    async def mails_to(self, email: str, count: int = 1, seconds: float = 20) -> list[Any]:
        """What this address got, once there are so many."""
        async with (
            httpx.AsyncClient(base_url=self.vendors.addresses["resend"]) as web,
            asyncio.timeout(seconds),
        ):
            while True:
                found = (await web.get("/_mailbox", params={"to": email})).json()
                if len(found) >= count:
                    return list(found)
                await asyncio.sleep(0.05)


def storage_settings(vendors: RunningVendors) -> StorageSettings:
    known = VendorsSettings()
    return StorageSettings(
        endpoint_url=vendors.addresses["s3"],
        bucket=known.s3_buckets[0],
        access_key=known.s3_access_key,
        secret_key=SecretStr(known.s3_secret_key),
    )


async def ready(address: str) -> None:
    """Until every queue is there: a private fact nobody can receive yet waits half a minute."""
    async with httpx.AsyncClient(base_url=address) as web, asyncio.timeout(60):
        while (await web.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.05)


@pytest.fixture(scope="package")
async def mailing(
    services: ServiceUnderTest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mailing]:
    bound, address = free_socket()
    state: Path = tmp_path_factory.mktemp("mail-vendors")
    known = VendorsSettings(
        state=state, names=["resend", "s3"], resend_webhook_url=f"{address}/webhooks/resend"
    )
    vendors = await start_vendors(known)
    settings = services.settings(
        Settings,
        resend_api_key=known.resend_api_key,
        resend_url=vendors.addresses["resend"],
        resend_webhook_secret=known.resend_webhook_secret,
        resend_timeout_seconds=2,
        public_url=PUBLIC_URL,
        worker_in_app=True,
        retry_delays_seconds=(0.1, 0.2, 0.4),
    )
    storage = storage_settings(vendors)
    app = create_app(settings, storage)
    async with served(app, bound):
        await ready(address)
        yield Mailing(app, services.database("notifications"), vendors, address, storage)
    await services.close()
    await vendors.stop()


@pytest.fixture(autouse=True)
def _resend_behaves(mailing: Mailing) -> None:
    mailing.resend.faults.clear()


@pytest.fixture
async def admin(mailing: Mailing, services: ServiceUnderTest) -> AsyncIterator[httpx.AsyncClient]:
    """A system administrator's client."""
    async with services.client(mailing.app, make_caller(is_system_admin=True)) as client:
        yield client


@pytest.fixture
async def member(mailing: Mailing, services: ServiceUnderTest) -> AsyncIterator[httpx.AsyncClient]:
    """The client of an owner who administers nothing but their workspace."""
    async with services.client(mailing.app, make_caller()) as client:
        yield client
