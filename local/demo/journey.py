"""The main job, step by step, as its users would do it."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.demo.client import Person, Refused, Trail
from local.demo.pay import fetch, press
from local.demo.photos import Photo, upload_all
from local.demo.screen import Screen
from local.product import ADMINISTRATOR

PHOTO_SECONDS = 240.0
FILM_SECONDS = 600.0
FIKEN_SECONDS = 60.0
TRANSITIONS = 2
STYLE = "scandinavian"
MOD_11_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)


@dataclass
class Outcome:
    """What the demo reports."""

    photos: list[Photo]
    film: dict[str, Any] = field(default_factory=dict)
    invoice: dict[str, Any] = field(default_factory=dict)
    commission: list[dict[str, Any]] = field(default_factory=list)
    charged: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)


@dataclass
class Journey:
    """The people, the addresses, and where files go."""

    addresses: dict[str, str]
    administrator_password: str
    photos: list[Photo]
    out: Path
    screen: Screen

    async def run(self) -> Outcome:
        """Photos to film, two payments, an invoice and a commission; raises on a broken promise."""
        outcome = Outcome(self.photos)
        async with AsyncExitStack() as stack:
            people = [await stack.enter_async_context(self._person()) for _ in range(3)]
            self._administrator, self._affiliate, self._agent = people
            before = await self._sign_everybody_up()
            self._trail = await stack.enter_async_context(self._agent.following(before))
            affiliates = await stack.enter_async_context(self._affiliate.following(before))
            project_id = await self._enhance(outcome)
            await self._download_photos(project_id)
            await self._make_film(outcome)
            await self._invoice_a_second_project(outcome)
            await self._see_commission(outcome, affiliates)
            outcome.events = dict(sorted((self._trail.counts + affiliates.counts).items()))
        return outcome

    def _person(self) -> Person:
        return Person(self.addresses["gateway"])

    async def _sign_everybody_up(self) -> str:
        with self.screen.step("Signing up an agency and the affiliate who referred it"):
            await self._administrator.sign_in(ADMINISTRATOR, self.administrator_password)
            before = await self._administrator.now()
            await self._affiliate.sign_up("Affiliate")
            workspace = f"/v1/admin/workspaces/{self._affiliate.workspace_id}"
            await self._administrator.patch(workspace, {"plan": "enterprise"})
            code = await self._until(
                self._affiliate, "/v1/affiliate/referral-code", "referral_code"
            )
            await self._agent.sign_up("Agent", referral_code=code)
            await self._agent.post(
                "/v1/workspace/onboarding",
                {
                    "name": "Nordlys Eiendom AS",
                    "organization_number": _organization_number(),
                    "contact_email": "post@nordlys.example",
                    "contact_person": "Kari Nordmann",
                },
            )
        return before

    async def _until(self, person: Person, path: str, name: str) -> Any:
        """What the product grants a moment after the fact that allows it."""
        async with asyncio.timeout(FIKEN_SECONDS):
            while True:
                with suppress(Refused):
                    return (await person.get(path))[name]
                await asyncio.sleep(0.3)

    async def _enhance(self, outcome: Outcome) -> str:
        project = await self._agent.post(
            "/v1/projects", {"name": "Storgata 1", "style_template_id": STYLE}
        )
        with self.screen.bar("Uploading", len(self.photos)) as bar:
            await upload_all(self._agent, project["id"], self.photos, bar.advance)
        accepted = [photo for photo in self.photos if photo.image_id]
        payment = await self._pay_by_card("photo_project", project["id"])
        outcome.charged.append(payment)
        with self.screen.bar("Enhancing", len(accepted)) as bar:
            await self._until_photos_are_done(project["id"], accepted, bar)
        return str(project["id"])

    async def _until_photos_are_done(self, project_id: str, photos: list[Photo], bar: Any) -> None:
        def mine(fact: dict[str, Any]) -> bool:
            return bool(fact.get("project_id") == project_id)

        done = asyncio.create_task(
            self._trail.wait_for("ProjectCompleted", mine, seconds=PHOTO_SECONDS)
        )
        failed = asyncio.create_task(
            self._trail.wait_for("ProjectFailed", mine, seconds=PHOTO_SECONDS)
        )
        counting = asyncio.create_task(
            self._trail.wait_for(
                "ImageCompleted", mine, count=len(photos), seconds=PHOTO_SECONDS, tell=bar.set
            )
        )
        ended, waiting = await asyncio.wait((done, failed), return_when="FIRST_COMPLETED")
        for task in (*waiting, counting):
            task.cancel()
        await asyncio.gather(*waiting, counting, return_exceptions=True)
        for task in ended:
            task.result()

    async def _pay_by_card(self, kind: str, billable_id: str) -> dict[str, Any]:
        payment: dict[str, Any] = await self._agent.post(
            "/v1/payments",
            {"billable_kind": kind, "billable_id": billable_id, "method": "stripe"},
        )
        await press(payment["checkout_url"], "pay")
        return payment

    async def _download_photos(self, project_id: str) -> None:
        images = await self._agent.get(f"/v1/projects/{project_id}/images?limit=100")
        by_id = {image["id"]: image for image in images["items"]}
        with self.screen.step("Downloading the enhanced photos"):
            for photo in self.photos:
                if photo.image_id is not None:
                    await self._download(photo, by_id[photo.image_id])

    async def _download(self, photo: Photo, image: dict[str, Any]) -> None:
        photo.status = image["status"]
        photo.error = image["error"]["code"] if image["error"] else None
        for variant in ("original", "result"):
            if variant == "result" and photo.status != "completed":
                continue
            answer = await self._agent.get(
                f"/v1/images/{photo.image_id}/download?variant={variant}"
            )
            path = self.out / "photos" / f"{photo.path.stem}-{variant}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(path.write_bytes, await fetch(answer["url"]))
            setattr(photo, "before" if variant == "original" else "after", str(path))

    async def _make_film(self, outcome: Outcome) -> None:
        results = [photo for photo in self.photos if photo.status == "completed"]
        tracks = await self._agent.get("/v1/music-tracks")
        video = await self._agent.post(
            "/v1/videos",
            {"name": "Storgata 1, tour", "music_track_id": tracks["items"][0]["id"]},
        )
        for number, photo in enumerate(results, start=1):
            await self._agent.post(
                f"/v1/videos/{video['id']}/clips",
                {
                    "image_id": photo.image_id,
                    "room_type": photo.room_type,
                    "transition_type": "seamless" if number <= TRANSITIONS else "cut",
                },
            )
        await self._agent.post(f"/v1/videos/{video['id']}/auto-order")
        outcome.charged.append(await self._pay_by_card("video", video["id"]))
        await self._until_film_is_done(video["id"], len(results))
        outcome.film = await self._download_film(video["id"])

    async def _until_film_is_done(self, video_id: str, clips: int) -> None:
        def mine(fact: dict[str, Any]) -> bool:
            return bool(fact.get("video_id") == video_id)

        with self.screen.bar("Generating clips", clips) as bar:
            await self._trail.wait_for(
                "ClipGenerated", mine, count=clips, seconds=FILM_SECONDS, tell=bar.set
            )
        with self.screen.step("Compiling the film"):
            await self._trail.wait_for("ClipsCompiled", mine, seconds=FILM_SECONDS)

    async def _download_film(self, video_id: str) -> dict[str, Any]:
        answer = await self._agent.get(f"/v1/videos/{video_id}/download")
        film = answer["files"][0]
        path = self.out / "film.mp4"
        await asyncio.to_thread(path.write_bytes, await fetch(film["url"]))
        return {
            "path": str(path),
            "duration_seconds": film["duration_seconds"],
            "width": film["width"],
            "height": film["height"],
        }

    async def _invoice_a_second_project(self, outcome: Outcome) -> None:
        with self.screen.step("A second project, by invoice through Fiken"):
            await self._administrator.put(
                f"/v1/admin/billing/workspaces/{self._agent.workspace_id}",
                {"invoice_eligible": True},
            )
            project = await self._agent.post(
                "/v1/projects", {"name": "Storgata 2", "style_template_id": STYLE}
            )
            first = [Photo(photo.path) for photo in self.photos if photo.image_id][:1]
            await upload_all(self._agent, project["id"], first, lambda: None)
            await self._agent.post(
                "/v1/payments",
                {
                    "billable_kind": "photo_project",
                    "billable_id": project["id"],
                    "method": "invoice",
                },
            )
            await self._trail.wait_for(
                "ProjectCompleted",
                lambda fact: bool(fact["project_id"] == project["id"]),
                seconds=PHOTO_SECONDS,
            )
            outcome.invoice = await self._send_and_settle()

    async def _send_and_settle(self) -> dict[str, Any]:
        draft = await self._administrator.post(
            "/v1/admin/invoices", {"workspace_id": self._agent.workspace_id}
        )

        def mine(fact: dict[str, Any]) -> bool:
            return bool(fact["invoice_id"] == draft["id"])

        await self._administrator.post(f"/v1/admin/invoices/{draft['id']}/send")
        await self._trail.wait_for("InvoiceSent", mine, seconds=FIKEN_SECONDS)
        sent = await self._agent.get(f"/v1/invoices/{draft['id']}")
        page = f"{self.addresses['fiken']}/invoices/{sent['fiken_invoice_id']}"
        await asyncio.to_thread((self.out / "invoice.html").write_bytes, await fetch(page))
        await press(page, "pay")
        await self._trail.wait_for("InvoicePaid", mine, seconds=FIKEN_SECONDS)
        paid: dict[str, Any] = await self._agent.get(f"/v1/invoices/{draft['id']}")
        return paid

    async def _see_commission(self, outcome: Outcome, affiliates: Trail) -> None:
        with self.screen.step("The affiliate's commission"):
            await affiliates.wait_for(
                "CommissionEarned", lambda _: True, count=3, seconds=FIKEN_SECONDS
            )
            earnings = await self._affiliate.get("/v1/affiliate/earnings")
            outcome.commission = earnings["items"]


def _organization_number() -> str:
    """A fresh number that passes mod-11, so that every run is another company."""
    while True:
        digits = [9, *(int(digit) for digit in f"{uuid4().int % 10_000_000:07d}")]
        total = sum(d * w for d, w in zip(digits, MOD_11_WEIGHTS, strict=True))
        check = -total % 11
        if check != 10:
            return "".join(map(str, [*digits, check]))
