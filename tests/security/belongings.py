"""What a workspace owns: one of everything, made through the gateway as its people would."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from PIL import Image

from tests.security.studio import Person, Studio

ORGANIZATION_NUMBERS = (
    "974760673",
    "985615616",
    "914778271",
    "889640782",
    "987654325",
    "987654333",
)
ENHANCED_SECONDS = 60.0
POLL_SECONDS = 0.2

Ids = dict[str, str]
Make = Callable[[Studio, Person, Ids], Awaitable[str]]


def photo() -> bytes:
    """A small picture with some texture; JPEG."""
    file = io.BytesIO()
    picture = Image.radial_gradient("L").resize((480, 360)).convert("RGB")
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


async def make_project(studio: Studio, who: Person, _: Ids) -> str:
    body = {"name": "Storgata 1", "style_template_id": "scandinavian", "room_type": "kitchen"}
    return str((await studio.done("POST", "/v1/projects", who, body))["id"])


async def make_uploaded(studio: Studio, who: Person, ids: Ids) -> str:
    """An upload whose file lies in storage, not confirmed yet; in a project of its own."""
    return await upload_into(studio, who, await make_project(studio, who, ids))


async def upload_into(studio: Studio, who: Person, project: str) -> str:
    body = {"file_name": "a.jpg", "content_type": "image/jpeg", "size_bytes": len(photo())}
    slot = await studio.done("POST", f"/v1/projects/{project}/uploads", who, body)
    await put(slot, photo())
    return str(slot["upload_id"])


async def put(slot: dict[str, Any], content: bytes) -> None:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as storage:
        answer = await storage.put(slot["url"], content=content, headers=slot["headers"])
        answer.raise_for_status()


async def make_image(studio: Studio, who: Person, ids: Ids) -> str:
    return await confirm(studio, who, await make_uploaded(studio, who, ids))


async def confirm(studio: Studio, who: Person, upload: str) -> str:
    """The image that the upload became."""
    return str((await studio.done("POST", f"/v1/uploads/{upload}/confirm", who))["id"])


async def make_ready_project(studio: Studio, who: Person, ids: Ids) -> str:
    """With a photo: what is missing is the payment."""
    image = await make_image(studio, who, ids)
    return str((await studio.done("GET", f"/v1/images/{image}", who))["project_id"])


async def make_video(studio: Studio, who: Person, _: Ids) -> str:
    return str((await studio.done("POST", "/v1/videos", who, {"name": "A tour"}))["id"])


async def make_clip(studio: Studio, who: Person, ids: Ids) -> str:
    body = {"image_id": ids["image"], "room_type": "kitchen"}
    path = f"/v1/videos/{ids['video']}/clips"
    return str((await studio.done("POST", path, who, body))["id"])


async def make_session(studio: Studio, who: Person, _: Ids) -> str:
    """One more browser of the same person."""
    other = await studio.sign_in(who)
    found = await studio.done("GET", "/v1/sessions", other)
    return str(next(item["id"] for item in found["items"] if item["current"]))


async def make_key(studio: Studio, who: Person, _: Ids) -> str:
    return (await studio.api_key(who, ["projects:read"]))[0]


async def make_invitation(studio: Studio, who: Person, _: Ids) -> str:
    body = {"email": f"{uuid4().hex}@ai-studio.example"}
    return str((await studio.done("POST", "/v1/invitations", who, body))["id"])


async def make_colleague(studio: Studio, who: Person, _: Ids) -> str:
    return (await studio.colleague(who, "member")).member_id


async def make_logo(studio: Studio, who: Person, _: Ids) -> str:
    """A logo whose file lies in storage, not confirmed yet."""
    body = {"content_type": "image/jpeg", "size_bytes": len(photo())}
    slot = await studio.done("POST", "/v1/workspace/logo-uploads", who, body)
    await put(slot, photo())
    return str(slot["upload_id"])


async def make_line(studio: Studio, who: Person, ids: Ids) -> str:
    """A project that is paid by invoice: its line waits to be invoiced."""
    project = await make_ready_project(studio, who, ids)
    await studio.done("POST", "/v1/payments", who, order("photo_project", project, "invoice"))
    return project


async def make_draft(studio: Studio, who: Person, ids: Ids) -> str:
    """An invoice of one line that has not been sent."""
    await make_line(studio, who, ids)
    body = {"workspace_id": who.workspace_id}
    administrator = await studio.administrator()
    return str((await studio.done("POST", "/v1/admin/invoices", administrator, body))["id"])


async def make_sent(studio: Studio, who: Person, ids: Ids) -> str:
    """An invoice that Fiken has sent."""
    invoice = await make_draft(studio, who, ids)
    administrator = await studio.administrator()
    path = f"/v1/admin/invoices/{invoice}"
    await studio.done("POST", f"{path}/send", administrator)
    await until(studio, administrator, path, "sent")
    return invoice


async def make_stranger(studio: Studio, _: Person, __: Ids) -> str:
    """Somebody nobody here knows, for administrators to act on."""
    return (await studio.sign_up()).member_id


async def make_workspace(studio: Studio, _: Person, __: Ids) -> str:
    return (await studio.sign_up()).workspace_id


async def make_banned(studio: Studio, _: Person, __: Ids) -> str:
    person = await studio.sign_up()
    path, body = f"/v1/admin/users/{person.member_id}/ban", {"reason": "a test"}
    await studio.done("PUT", path, await studio.administrator(), body)
    return person.member_id


async def make_relationship(studio: Studio, who: Person, _: Ids) -> str:
    """The workspace earns on somebody new."""
    return await refer(studio, who, await studio.sign_up())


async def refer(studio: Studio, affiliate: Person, referred: Person) -> str:
    """The relationship; on a busy machine the fact of a new workspace takes a while."""
    body = {
        "affiliate_workspace_id": affiliate.workspace_id,
        "referred_workspace_id": referred.workspace_id,
    }
    administrator, path = await studio.administrator(), "/v1/admin/affiliate/relationships"
    async with asyncio.timeout(ENHANCED_SECONDS):
        while True:
            answer = await studio.call("POST", path, administrator, body)
            if answer.status_code != 404:
                assert answer.status_code == 201, answer.text
                return str(answer.json()["id"])
            await asyncio.sleep(POLL_SECONDS)


MAKERS: dict[str, Make] = {
    "project": make_project,
    "ready_project": make_ready_project,
    "line": make_line,
    "upload": make_uploaded,
    "image": make_image,
    "video": make_video,
    "clip": make_clip,
    "session": make_session,
    "key": make_key,
    "invitation": make_invitation,
    "member": make_colleague,
    "logo": make_logo,
    "draft": make_draft,
    "sent": make_sent,
    "user": make_stranger,
    "banned": make_banned,
    "workspace": make_workspace,
    "relationship": make_relationship,
}


def order(kind: str, billable_id: str, method: str) -> dict[str, str]:
    return {"billable_kind": kind, "billable_id": billable_id, "method": method}


async def until(studio: Studio, who: Person, path: str, status: str) -> None:
    async with asyncio.timeout(ENHANCED_SECONDS):
        while (await studio.done("GET", path, who))["status"] != status:
            await asyncio.sleep(POLL_SECONDS)


@dataclass
class Belongings:
    """A workspace's things by name; a fresh one for whoever may use it up."""

    studio: Studio
    owner: Person
    ids: Ids = field(default_factory=dict)

    async def fresh(self, *names: str) -> Ids:
        """The ids with new things of these names."""
        ids = dict(self.ids)
        for name in names:
            ids[name] = await MAKERS[name](self.studio, self.owner, ids)
        return ids


async def furnish(studio: Studio, owner: Person, organization_number: str) -> Belongings:
    """A customer of the enterprise plan with an enhanced photo, a draft film and an invoice."""
    await studio.standing(owner.workspace_id, plan="enterprise")
    company = {
        "name": "Nordlys AS",
        "organization_number": organization_number,
        "contact_email": "post@nordlys.example",
        "contact_person": "Kari Nordmann",
    }
    await studio.done("POST", "/v1/workspace/onboarding", owner, company)
    agreement = f"/v1/admin/billing/workspaces/{owner.workspace_id}"
    await studio.done("PUT", agreement, await studio.administrator(), {"invoice_eligible": True})
    # Given on first asking, which a suspended workspace could not do any more.
    await studio.done("GET", "/v1/affiliate/referral-code", owner)
    own = Belongings(studio, owner, {"workspace": owner.workspace_id})
    await _enhance(studio, owner, own.ids)
    names = ("project", "upload", "video", "clip", "key", "invitation", "member", "logo")
    own.ids |= await own.fresh(*names, "relationship")
    own.ids["user"] = own.ids["banned"] = own.ids["member"]
    found = await studio.done("GET", "/v1/sessions", owner)
    own.ids["session"] = found["items"][0]["id"]
    await _invoiced(studio, owner, own.ids)
    return own


async def _enhance(studio: Studio, owner: Person, ids: Ids) -> None:
    ids["image"] = await make_image(studio, owner, ids)
    image = await studio.done("GET", f"/v1/images/{ids['image']}", owner)
    ids["line"] = ids["ready_project"] = image["project_id"]
    body = order("photo_project", ids["ready_project"], "invoice")
    ids["payment"] = (await studio.done("POST", "/v1/payments", owner, body))["id"]
    await until(studio, owner, f"/v1/projects/{ids['ready_project']}", "completed")


async def _invoiced(studio: Studio, owner: Person, ids: Ids) -> None:
    administrator = await studio.administrator()
    body = {"workspace_id": owner.workspace_id}
    ids["invoice"] = (await studio.done("POST", "/v1/admin/invoices", administrator, body))["id"]
    ids["draft"] = ids["sent"] = ids["invoice"]
    path = f"/v1/admin/invoices/{ids['invoice']}"
    await studio.done("POST", f"{path}/send", administrator)
    await until(studio, administrator, path, "sent")
