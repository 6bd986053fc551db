"""The main job twelve times at once: agencies, projects, films, cards, invoices, commissions."""

import asyncio
import io
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from PIL import Image

from local.demo.pay import press
from local.demo.rooms import ROOMS, draw_room, photograph
from local.product import ADMINISTRATOR
from local.up import Running
from tests.support.client import Client, Refused

AGENCIES = 4
PROJECTS = 3
IMAGES = 3
SMALL = (480, 360)
ENDED = ("completed", "failed")
ORGANISATIONS = ("974760673", "985615616", "914778271", "889640782")
POLL_SECONDS = 1.0


@dataclass
class Agency:
    """One workspace and what it wants; two of four pay by invoice, half were referred."""

    name: str
    client: Client
    organization_number: str
    by_invoice: bool
    is_referred: bool
    wants_film: bool
    projects: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)


@dataclass
class Job:
    """Runs against the gateway only, as browsers do; payers press the vendors' buttons."""

    up: Running
    random: random.Random
    spread_seconds: float
    acknowledged: list[tuple[str, str]]
    """(kind, id) of every write the product said yes to, filled in while it runs."""
    clients: list[Client] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        return sum(client.repeated for client in self.clients)

    async def run(self) -> None:
        """Returns when every project and film has ended and every invoice is paid."""
        async with AsyncExitStack() as stack:
            self._photos = await asyncio.to_thread(small_photos)
            addresses = self.up.product.addresses
            count = 2 + AGENCIES
            self.clients = [
                await stack.enter_async_context(Client(addresses["gateway"], self.acknowledged))
                for _ in range(count)
            ]
            self._administrator, affiliate, *people = self.clients
            code = await self._make_affiliate(affiliate)
            agencies = [
                Agency(f"agency{n}", client, ORGANISATIONS[n], n % 2 == 1, n < 2, n < 2)
                for n, client in enumerate(people)
            ]
            async with asyncio.TaskGroup() as group:
                for agency in agencies:
                    group.create_task(self._serve(agency, code))

    async def _make_affiliate(self, affiliate: Client) -> str:
        password = self.up.product.administrator_password
        await self._administrator.sign_in(ADMINISTRATOR, password)
        await affiliate.sign_up("affiliate")
        place = f"/v1/admin/workspaces/{affiliate.workspace_id}"
        await self._administrator.patch(place, {"plan": "enterprise"})
        answer = await granted(affiliate, "/v1/affiliate/referral-code")
        return str(answer["referral_code"])

    async def _serve(self, agency: Agency, code: str) -> None:
        client = agency.client
        await client.sign_up(agency.name, **({"referral_code": code} if agency.is_referred else {}))
        company = {
            "name": agency.name,
            "organization_number": agency.organization_number,
            "contact_email": f"{agency.name}@ai-studio.example",
            "contact_person": "Kari Nordmann",
        }
        await client.post("/v1/workspace/onboarding", company)
        if agency.by_invoice:
            place = f"/v1/admin/billing/workspaces/{client.workspace_id}"
            await self._administrator.put(place, {"invoice_eligible": True})
        async with asyncio.TaskGroup() as group:
            for number in range(PROJECTS):
                group.create_task(self._project(agency, number))
        if agency.wants_film:
            await self._film(agency)
        if agency.by_invoice:
            await self._invoice(client)

    async def _project(self, agency: Agency, number: int) -> None:
        # Spread out, so that there is work of every kind whenever something is killed.
        await asyncio.sleep(self.random.uniform(0, self.spread_seconds) if number else 0)
        client = agency.client
        body = {"name": f"{agency.name} {number}", "style_template_id": "scandinavian"}
        project = await client.create("project", "/v1/projects", body)
        agency.projects.append(project["id"])
        for photo in self._photos:
            agency.images.append(await upload(client, project["id"], photo))
        await self._pay(agency, "photo_project", project["id"])
        await until_ended(client, f"/v1/projects/{project['id']}")

    async def _pay(self, agency: Agency, kind: str, billable_id: str) -> None:
        method = "invoice" if agency.by_invoice else "stripe"
        order = {"billable_kind": kind, "billable_id": billable_id, "method": method}
        payment = await agency.client.create("payment", "/v1/payments", order)
        if not agency.by_invoice:
            await press(payment["checkout_url"], "pay")

    async def _film(self, agency: Agency) -> None:
        client = agency.client
        tracks = await client.get("/v1/music-tracks")
        wanted = {"name": f"{agency.name} tour", "music_track_id": tracks["items"][0]["id"]}
        video = await client.create("video", "/v1/videos", wanted)
        for image, transition in zip(agency.images[:2], ("seamless", "cut"), strict=True):
            clip = {"image_id": image, "room_type": "kitchen", "transition_type": transition}
            await client.create("clip", f"/v1/videos/{video['id']}/clips", clip)
        await self._pay(agency, "video", video["id"])
        await until_ended(client, f"/v1/videos/{video['id']}")

    async def _invoice(self, client: Client) -> None:
        administrator = self._administrator
        wanted = {"workspace_id": client.workspace_id}
        draft = await administrator.create("invoice", "/v1/admin/invoices", wanted)
        place = f"/v1/admin/invoices/{draft['id']}"
        await administrator.post(f"{place}/send")
        sent = await until_status(administrator, place, ("sent",))
        fiken = self.up.product.addresses["fiken"]
        await press(f"{fiken}/invoices/{sent['fiken_invoice_id']}", "pay")
        await until_status(client, f"/v1/invoices/{draft['id']}", ("paid",))


def small_photos() -> list[bytes]:
    """A few rooms as a hurried phone takes them, small enough for a busy machine; JPEG."""
    photos = []
    for number, room in enumerate(ROOMS[:IMAGES]):
        file = io.BytesIO()
        picture = photograph(draw_room(room), number).resize(SMALL, Image.Resampling.BILINEAR)
        picture.save(file, "JPEG", quality=88)
        photos.append(file.getvalue())
    return photos


async def upload(client: Client, project_id: str, photo: bytes) -> str:
    """The image's id; the file itself goes straight to storage."""
    wanted = {
        "file_name": "room.jpg",
        "content_type": "image/jpeg",
        "size_bytes": len(photo),
        "room_type": "kitchen",
    }
    slot = await client.post(f"/v1/projects/{project_id}/uploads", wanted)
    client.acknowledged.append(("upload", slot["upload_id"]))
    async with httpx.AsyncClient(timeout=20, trust_env=False) as storage:
        answer = await storage.request(
            slot["method"], slot["url"], content=photo, headers=slot["headers"]
        )
        answer.raise_for_status()
    image = await client.create("image", f"/v1/uploads/{slot['upload_id']}/confirm")
    return str(image["id"])


async def until_ended(client: Client, path: str) -> Any:
    return await until_status(client, path, ENDED)


async def until_status(client: Client, path: str, wanted: tuple[str, ...]) -> Any:
    while True:
        found = await client.get(path)
        if found["status"] in wanted:
            return found
        await asyncio.sleep(POLL_SECONDS)


async def granted(client: Client, path: str) -> Any:
    """What the product grants a moment after the fact that allows it."""
    while True:
        try:
            return await client.get(path)
        except Refused:
            await asyncio.sleep(0.3)
