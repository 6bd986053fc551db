"""Imaging on a real port between its vendors, and hands that do its work on demand."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import func, select, update
from uuid_utils.compat import uuid7

from chassis.consumers import Consumers
from chassis.database import Database, SystemScope
from chassis.outbox import OutboxRow
from chassis.settings import StorageSettings
from chassis.testing import KeyPair
from contracts.billing import ProjectPaid
from contracts.caller import Caller
from contracts.event import Event
from local.vendors.control import StandIn
from local.vendors.server import RunningVendors, VendorsSettings, start_vendors
from services.imaging.app import create_app
from services.imaging.attempts.consumers import consumers as attempts
from services.imaging.projects.consumers import consumers as projects
from services.imaging.settings import Settings
from services.imaging.tables import Attempt, ImageVersion
from services.imaging.worker import Outside
from tests.imaging.pictures import jpeg
from tests.local.serving import free_socket, served
from tests.support.services import ServiceUnderTest, SignedAs, make_caller

ALL = Consumers("imaging")
ALL.include(projects)
ALL.include(attempts)

LONG_SIDE = 640


@dataclass
class Bench:
    """One running imaging service; every test makes workspaces of its own."""

    settings: Settings
    database: Database
    outside: Outside
    address: str
    vendors: RunningVendors
    key_pair: KeyPair
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def fal(self) -> StandIn:
        return self.vendors.stand_ins["fal"]

    def client(self, caller: Caller | None = None) -> httpx.AsyncClient:
        auth = SignedAs(caller, self.key_pair, "imaging") if caller is not None else None
        client = httpx.AsyncClient(base_url=self.address, auth=auth, timeout=20)
        self._clients.append(client)
        return client

    def member(self, **claims: Any) -> "Member":
        caller = make_caller(**{"plan": "pro", **claims})
        return Member(self, caller, self.client(caller))

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def work(self, workspace_id: UUID, settings: Settings | None = None) -> list[str]:
        """Do what the worker would: every waiting note of the workspace, until none is left."""
        done = []
        while notes := await self._take_notes(workspace_id):
            for note in notes:
                await self.react(note, settings)
                done.append(note.routing_key)
        return done

    async def react(self, event: Event, settings: Settings | None = None) -> None:
        """Deliver one fact to its reaction, without a broker and without an inbox."""
        for subscription in ALL.subscriptions:
            if subscription.event.routing_key != event.routing_key:
                continue
            wanted = inspect.signature(subscription.reaction).parameters
            given = {k: v for k, v in self._resources(settings).items() if k in wanted}
            if "session" in wanted:
                async with self.database.transaction(event) as session:
                    await subscription.reaction(event, session=session, **given)
            else:
                await subscription.reaction(event, **given)

    def _resources(self, settings: Settings | None) -> dict[str, Any]:
        outside = self.outside
        return {
            "database": self.database,
            "settings": settings or self.settings,
            "storage": outside.storage,
            "generator": outside.generator,
            "media": outside.media,
            "pictures": outside.pictures,
        }

    async def _take_notes(self, workspace_id: UUID) -> list[Event]:
        types = {s.event.routing_key: s.event for s in ALL.subscriptions}
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            rows = await session.execute(
                update(OutboxRow)
                .where(
                    OutboxRow.workspace_id == workspace_id,
                    OutboxRow.published_at.is_(None),
                    OutboxRow.is_private,
                )
                .values(published_at=func.now())
                .returning(OutboxRow.routing_key, OutboxRow.body)
            )
            return [types[key].model_validate(body) for key, body in rows if key in types]

    async def attempts(self, workspace_id: UUID) -> list[Attempt]:
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            query = select(Attempt).where(Attempt.workspace_id == workspace_id)
            return list(await session.scalars(query.order_by(Attempt.id)))

    async def versions(self, workspace_id: UUID) -> list[ImageVersion]:
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            query = select(ImageVersion).where(ImageVersion.workspace_id == workspace_id)
            return list(await session.scalars(query.order_by(ImageVersion.id)))

    async def facts(self, workspace_id: UUID, event: type[Event]) -> list[dict[str, Any]]:
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            query = select(OutboxRow.body).where(
                OutboxRow.workspace_id == workspace_id,
                OutboxRow.routing_key == event.routing_key,
            )
            return [row or {} for row in await session.scalars(query.order_by(OutboxRow.position))]

    def submissions(self, webhook_part: str) -> list[dict[str, Any]]:
        """fal's own journal: what it accepted with this in the webhook's address."""
        return [
            entry
            for entry in self.fal.journal.entries("submit")
            if webhook_part in str(entry.get("attempt_url"))
        ]

    async def keys(self, prefix: str) -> list[str]:
        client, found = self.outside.storage._client, []
        async for page in client.get_paginator("list_objects_v2").paginate(
            Bucket="media", Prefix=prefix
        ):
            found += [item["Key"] for item in page.get("Contents", ())]
        return found


@dataclass
class Member:
    """Somebody of a workspace, calling through HTTP."""

    bench: Bench
    caller: Caller
    http: httpx.AsyncClient

    @property
    def workspace_id(self) -> UUID:
        return self.caller.workspace_id

    async def project(self, **fields: Any) -> dict[str, Any]:
        body = {
            "name": "Storgata 1",
            "style_template_id": "scandinavian",
            "room_type": "living-room",
        }
        answer = await self.http.post("/v1/projects", json={**body, **fields})
        assert answer.status_code == 201, answer.text
        project: dict[str, Any] = answer.json()
        return project

    async def upload(
        self, project_id: str, data: bytes, content_type: str = "image/jpeg", **fields: Any
    ) -> httpx.Response:
        """Announce, put and confirm; the confirmation's answer."""
        body = {"file_name": "a.jpg", "content_type": content_type, "size_bytes": len(data)}
        told = await self.http.post(f"/v1/projects/{project_id}/uploads", json=body | fields)
        assert told.status_code == 201, told.text
        ticket = told.json()
        async with httpx.AsyncClient() as browser:
            put = await browser.request(
                ticket["method"], ticket["url"], content=data, headers=ticket["headers"]
            )
        assert put.status_code == 200, put.text
        return await self.http.post(f"/v1/uploads/{ticket['upload_id']}/confirm", json={})

    async def paid_project(self, images: int = 1, **fields: Any) -> dict[str, Any]:
        """A project with photos, paid and started: its notes wait to be worked on."""
        project = await self.project(**fields)
        for number in range(images):
            answer = await self.upload(project["id"], jpeg(seed=number))
            assert answer.status_code == 201, answer.text
        await self.pay(project["id"])
        return project

    async def pay(self, project_id: str, payment_id: UUID | None = None) -> None:
        paid = ProjectPaid(
            workspace_id=self.workspace_id,
            payment_id=payment_id or uuid7(),
            billable_kind="photo_project",
            billable_id=UUID(project_id),
            method="stripe",
            amount_minor_units=9900,
            currency="usd",
        )
        await self.bench.react(paid)

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def project_now(self, project: dict[str, Any]) -> dict[str, Any]:
        return await self.get(f"/v1/projects/{project['id']}")

    async def finish(self, project: dict[str, Any]) -> dict[str, Any]:
        """Work until the project has ended, webhooks and all; bounded."""

        async def ended() -> bool:
            await self.bench.work(self.workspace_id)
            now = await self.project_now(project)
            return now["status"] in ("completed", "failed")

        await until(ended)
        return await self.project_now(project)


async def until(ready: Callable[[], Any], seconds: float = 60) -> None:
    """Wait, bounded, for something another task brings about."""
    async with asyncio.timeout(seconds):
        while not await ready():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running_bench(
    services: ServiceUnderTest, key_pair: KeyPair, state: Path
) -> AsyncIterator[Bench]:
    vendors = await start_vendors(
        VendorsSettings(state=state, names=["fal", "s3"], fal_max_long_side=LONG_SIDE)
    )
    bound, address = free_socket()
    settings = services.settings(Settings, **vendor_settings(vendors, address))
    storage = storage_settings(vendors)
    app = create_app(settings, storage)
    outside = Outside.of(settings, storage)
    try:
        async with served(app, bound), outside.storage, outside.generator, outside.media:
            database = services.database("imaging")
            bench = Bench(settings, database, outside, address, vendors, key_pair)
            yield bench
            await bench.close()
    finally:
        await services.close()
        await vendors.stop()


def vendor_settings(vendors: RunningVendors, address: str) -> dict[str, Any]:
    fal = vendors.addresses["fal"]
    return {
        "fal_key": VendorsSettings().fal_api_key,
        "fal_queue_url": fal,
        "fal_jwks_url": f"{fal}/.well-known/jwks.json",
        "fal_user_id": VendorsSettings().fal_user_id,
        "fal_media_hosts": (fal.removeprefix("http://"),),
        "webhook_base_url": address,
        "submit_timeout_seconds": 5,
        "backoff_seconds": 0.05,
    }


def storage_settings(vendors: RunningVendors) -> StorageSettings:
    settings = VendorsSettings()
    return StorageSettings(
        endpoint_url=vendors.addresses["s3"],
        bucket="media",
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
    )
