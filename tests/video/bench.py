"""Video on a real port between its vendors, and hands that do its workers' work on demand."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
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
from chassis.storage import Storage
from chassis.testing import KeyPair
from contracts.billing import ProjectPaid
from contracts.caller import Caller
from contracts.event import Event
from contracts.imaging import ImageCompleted
from local.vendors.control import StandIn
from local.vendors.server import RunningVendors, VendorsSettings, start_vendors
from services.video.app import create_app
from services.video.branding.consumers import consumers as branding
from services.video.clips.consumers import consumers as clips
from services.video.generation.consumers import consumers as generation
from services.video.music.use_cases import prepare_catalogue
from services.video.providers.fal import FalGenerator
from services.video.providers.fetch import ClipFetcher
from services.video.rendering.consumers import consumers as rendering
from services.video.settings import Settings
from services.video.tables import VideoProject
from services.video.videos.consumers import consumers as videos
from services.video.worker import program_of, studio_of
from tests.local.serving import free_socket, served
from tests.support.services import ServiceUnderTest, SignedAs, make_caller
from tests.video.pictures import photo

ALL = Consumers("video")
for capability in (branding, clips, videos, generation, rendering):
    ALL.include(capability)

HEIGHT = 180


@dataclass
class Bench:
    """One running video service; every test makes workspaces of its own."""

    settings: Settings
    database: Database
    storage: Storage
    vendors: RunningVendors
    address: str
    key_pair: KeyPair
    resources: dict[str, Any]
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def fal(self) -> StandIn:
        return self.vendors.stand_ins["fal"]

    def owner(self, caller: Caller | None = None, **claims: Any) -> "Owner":
        caller = caller or make_caller(**{"plan": "pro", **claims})
        auth = SignedAs(caller, self.key_pair, "video")
        client = httpx.AsyncClient(base_url=self.address, auth=auth, timeout=20)
        self._clients.append(client)
        return Owner(self, caller, client)

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()

    async def react(self, event: Event) -> None:
        """Deliver one fact to its reactions, without a broker and without an inbox."""
        for subscription in ALL.subscriptions:
            if subscription.event.routing_key != event.routing_key:
                continue
            wanted = inspect.signature(subscription.reaction).parameters
            given = {k: v for k, v in self.resources.items() if k in wanted}
            if "session" in wanted:
                async with self.database.transaction(event) as session:
                    await subscription.reaction(event, session=session, **given)
            else:
                await subscription.reaction(event, **given)

    async def notes(self, workspace_id: UUID) -> list[Event]:
        """Take the waiting private notes of the workspace."""
        types = {s.event.routing_key: s.event for s in ALL.subscriptions}
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            taken = await session.execute(
                update(OutboxRow)
                .where(
                    OutboxRow.workspace_id == workspace_id,
                    OutboxRow.published_at.is_(None),
                    OutboxRow.is_private,
                )
                .values(published_at=func.now())
                .returning(OutboxRow.routing_key, OutboxRow.body)
            )
            return [types[key].model_validate(body) for key, body in taken]

    async def work(self, workspace_id: UUID) -> None:
        """Do every waiting note, until none is left."""
        while notes := await self.notes(workspace_id):
            for note in notes:
                await self.react(note)

    async def facts(self, workspace_id: UUID, event: type[Event]) -> list[dict[str, Any]]:
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            query = select(OutboxRow.body).where(
                OutboxRow.workspace_id == workspace_id,
                OutboxRow.routing_key == event.routing_key,
            )
            return [row or {} for row in await session.scalars(query.order_by(OutboxRow.position))]

    async def rows(self, workspace_id: UUID, table: type[Any]) -> list[Any]:
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            query = select(table).where(table.workspace_id == workspace_id).order_by(table.id)
            return list(await session.scalars(query))

    async def spend(self, workspace_id: UUID, cents: int) -> None:
        """As if the vendor had taken so much more for each of the workspace's videos."""
        async with self.database.transaction(SystemScope(workspace_id)) as session:
            more = {
                "actual_cost": VideoProject.actual_cost + cents,
                "estimated_cost": VideoProject.estimated_cost + cents,
            }
            query = update(VideoProject).where(VideoProject.workspace_id == workspace_id)
            await session.execute(query.values(more))


@dataclass
class Owner:
    """Somebody of a workspace, calling through HTTP."""

    bench: Bench
    caller: Caller
    http: httpx.AsyncClient

    @property
    def workspace_id(self) -> UUID:
        return self.caller.workspace_id

    async def image(self, room_type: str | None = "kitchen", seed: int = 0) -> UUID:
        """An enhanced photo in storage, and the fact that offers it."""
        image_id = uuid7()
        key = f"workspaces/{self.workspace_id}/projects/p/images/{image_id}.jpg"
        await self.bench.storage.write(key, photo(seed), content_type="image/jpeg")
        await self.bench.react(self.offered(image_id, key, room_type))
        return image_id

    def offered(
        self, image_id: UUID, key: str, room_type: str | None, version: int = 1
    ) -> ImageCompleted:
        return ImageCompleted(
            workspace_id=self.workspace_id,
            project_id=uuid7(),
            image_id=image_id,
            version=version,
            room_type=room_type,
            result_key=key,
            width=320,
            height=240,
        )

    async def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = await self.http.post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def video(self, **fields: Any) -> dict[str, Any]:
        return await self.post("/v1/videos", {"name": "12 Harbour Street", **fields})

    async def clip(self, video: dict[str, Any], seed: int = 0, **fields: Any) -> dict[str, Any]:
        room_type = fields.pop("room_of_image", "kitchen")
        image_id = await self.image(room_type, seed)
        body = {"image_id": str(image_id), **fields}
        return await self.post(f"/v1/videos/{video['id']}/clips", body)

    async def draft(self, clips: int = 2, **fields: Any) -> dict[str, Any]:
        """A silent video with clips, ready to be paid for."""
        made = await self.video(**{"generate_native_audio": False, **fields})
        for number in range(clips):
            await self.clip(made, seed=number)
        return made

    async def clips(self, video: dict[str, Any]) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.get(f"/v1/videos/{video['id']}/clips"))["items"]
        return listed

    async def now(self, video: dict[str, Any]) -> dict[str, Any]:
        return await self.get(f"/v1/videos/{video['id']}")

    def paid(self, video: dict[str, Any]) -> ProjectPaid:
        return ProjectPaid(
            workspace_id=self.workspace_id,
            payment_id=uuid7(),
            billable_kind="video",
            billable_id=UUID(video["id"]),
            method="stripe",
            amount_minor_units=9900,
            currency="usd",
        )

    async def pay(self, video: dict[str, Any]) -> None:
        await self.bench.react(self.paid(video))

    async def until(
        self, video: dict[str, Any], ready: Callable[[dict[str, Any]], bool], seconds: float = 60
    ) -> dict[str, Any]:
        """Work, webhooks and all, until the video is as wanted; bounded."""

        async def reached() -> bool:
            await self.bench.work(self.workspace_id)
            return ready(await self.now(video))

        await until(reached, seconds)
        return await self.now(video)

    async def finish(self, video: dict[str, Any]) -> dict[str, Any]:
        return await self.until(video, lambda now: now["status"] in ("completed", "failed"))


async def until(ready: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait, bounded, for something another task brings about."""
    async with asyncio.timeout(seconds):
        while not await ready():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running_bench(
    services: ServiceUnderTest, key_pair: KeyPair, state: Path
) -> AsyncIterator[Bench]:
    vendors = await start_vendors(
        VendorsSettings(state=state, names=["fal", "s3"], fal_max_short_side=HEIGHT)
    )
    bound, address = free_socket()
    settings = services.settings(Settings, **vendor_settings(vendors, address))
    storing = storage_settings(vendors)
    try:
        async with served(create_app(settings, storing), bound), Storage(storing) as storage:
            database = services.database("video")
            program = program_of(settings)
            resources = {
                "database": database,
                "storage": storage,
                "generator": FalGenerator(settings),
                "fetcher": ClipFetcher(settings),
                "program": program,
                "studio": studio_of(settings, storage),
                "config": settings,
            }
            await prepare_catalogue(database, storage, program)
            bench = Bench(settings, database, storage, vendors, address, key_pair, resources)
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
        "fal_timeout_seconds": 5,
        "webhook_base_url": address,
        "render_height": HEIGHT,
    }


def storage_settings(vendors: RunningVendors) -> StorageSettings:
    settings = VendorsSettings()
    return StorageSettings(
        endpoint_url=vendors.addresses["s3"],
        bucket="media",
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
    )
