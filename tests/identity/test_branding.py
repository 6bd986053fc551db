"""A workspace's own look: plan, colours that can be read, and a logo that is only a picture."""

import io
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from chassis.settings import StorageSettings
from chassis.storage import Storage
from chassis.testing import emitted
from contracts.identity import WorkspaceBranded
from contracts.private import PasswordResetRequested
from services.identity.accounts.use_cases.passwords import mail_reset
from services.identity.workspaces.rules import contrast
from tests.identity.conftest import Identity, Person

COLORS = {"primary_color": "#FF6B6B", "secondary_color": "#1D4ED8"}


@pytest.fixture
async def branded(identity: Identity, kari: Person) -> Person:
    return await identity.set_plan(kari, plan="enterprise")


def picture(kind: str, size: tuple[int, int] = (60, 30), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#FF6B6B").save(out, kind, **options)
    return out.getvalue()


async def upload(person: Person, data: bytes, content_type: str = "image/png") -> httpx.Response:
    """The browser's way: announce, send to storage, confirm."""
    body = {"content_type": content_type, "size_bytes": len(data)}
    announced = await person.client.post("/v1/workspace/logo-uploads", json=body)
    assert announced.status_code == 201, announced.text
    target = announced.json()
    async with httpx.AsyncClient() as web:
        sent = await web.put(target["url"], content=data, headers=target["headers"])
    assert sent.status_code == 200
    path = f"/v1/workspace/logo-uploads/{target['upload_id']}/confirm"
    return await person.client.post(path)


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [("#000000", "#FFFFFF", 21.0), ("#777777", "#FFFFFF", 4.48), ("#FF6B6B", "#ff6b6b", 1.0)],
)
def test_contrast_is_wcags(first: str, second: str, ratio: float) -> None:
    assert contrast(first, second) == pytest.approx(ratio, abs=0.01)
    assert contrast(second, first) == pytest.approx(ratio, abs=0.01)


async def test_colours_are_chosen_told_and_judged(identity: Identity, branded: Person) -> None:
    shown = (await branded.client.put("/v1/workspace/branding", json=COLORS)).json()
    red, blue = shown["contrast"]
    assert (red["with_white"], red["text_color"]) == (2.78, "#000000")
    assert (red["as_text_on_white_passes_aa"], blue["as_text_on_white_passes_aa"]) == (False, True)
    assert blue["text_color"] == "#FFFFFF"
    async with identity.database.transaction(branded.caller) as session:
        [fact] = await emitted(session, WorkspaceBranded)
    assert (fact.primary_color, fact.secondary_color) == ("#FF6B6B", "#1D4ED8")
    assert (await branded.client.get("/v1/workspace")).json()["primary_color"] == "#FF6B6B"


@pytest.mark.parametrize("color", ["red", "#FFF", "#GGGGGG", "#FF6B6B;x", "javascript:1"])
async def test_a_colour_is_six_digits(branded: Person, color: str) -> None:
    body = {"primary_color": color, "secondary_color": None}
    assert (await branded.client.put("/v1/workspace/branding", json=body)).status_code == 422


@pytest.mark.parametrize("plan", ["free", "pro"])
async def test_white_label_needs_the_enterprise_plan(
    identity: Identity, kari: Person, plan: str
) -> None:
    if plan == "pro":
        await identity.set_plan(kari, plan=plan)
    upload_body = {"content_type": "image/png", "size_bytes": 10}
    for answer in (
        await kari.client.put("/v1/workspace/branding", json=COLORS),
        await kari.client.post("/v1/workspace/logo-uploads", json=upload_body),
        await kari.client.post(f"/v1/workspace/logo-uploads/{uuid4()}/confirm"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "plan_too_small")


async def test_the_look_goes_and_comes_back_with_the_plan(
    identity: Identity, branded: Person
) -> None:
    await branded.client.put("/v1/workspace/branding", json=COLORS)
    await identity.set_plan(branded, plan="pro")
    assert (await branded.client.get("/v1/workspace/branding")).json()["applies"] is False
    await mail_reset(identity.database, branded.email)
    [letter] = await identity.letters(PasswordResetRequested, branded.email)
    assert letter.brand.primary_color is None
    await identity.set_plan(branded, plan="enterprise")
    async with identity.database.transaction(branded.caller) as session:
        facts = await emitted(session, WorkspaceBranded)
    assert [fact.primary_color for fact in facts] == ["#FF6B6B", None, "#FF6B6B"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_logo_becomes_a_clean_png_of_our_own(
    identity: Identity, branded: Person, storage_settings: StorageSettings, kind: str
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET-IN-METADATA"
    data = picture(kind, (3000, 1500), exif=exif.tobytes()) + b"<script>trailing</script>"
    shown = (await upload(branded, data, f"image/{kind.lower()}")).json()
    async with httpx.AsyncClient() as web:
        served = await web.get(shown["logo_url"])
    assert served.headers["content-type"] == "image/png"
    assert b"SECRET" not in served.content
    assert b"script" not in served.content
    assert Image.open(io.BytesIO(served.content)).size == (1024, 512)
    async with identity.database.transaction(branded.caller) as session:
        [fact] = await emitted(session, WorkspaceBranded)
    assert fact.logo_key is not None
    assert fact.logo_key.startswith(f"workspaces/{branded.workspace_id}/branding/logo-")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "not_a"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not_a"),
        (b"GIF89a" + bytes(30), "not_a"),
        (picture("PNG")[:60], "not_a"),
        (picture("PNG", (5000, 4000)), "too_many_pixels"),
    ],
)
async def test_what_is_no_raster_picture_is_refused_and_erased(
    branded: Person, storage_settings: StorageSettings, data: bytes, reason: str
) -> None:
    refused = await upload(branded, data)
    assert (refused.status_code, refused.json()["code"]) == (422, "logo_refused")
    assert refused.json()["reason"].startswith(reason)
    assert (await branded.client.get("/v1/workspace/branding")).json()["logo_url"] is None


async def test_a_logo_has_a_size_and_must_be_there(branded: Person) -> None:
    body = {"content_type": "image/png", "size_bytes": 2 * 1024 * 1024 + 1}
    large = await branded.client.post("/v1/workspace/logo-uploads", json=body)
    assert (large.status_code, large.json()["reason"]) == (422, "too_large")
    svg = {"content_type": "image/svg+xml", "size_bytes": 10}
    assert (await branded.client.post("/v1/workspace/logo-uploads", json=svg)).status_code == 422
    missing = await branded.client.post(f"/v1/workspace/logo-uploads/{uuid4()}/confirm")
    assert (missing.status_code, missing.json()["code"]) == (409, "not_uploaded")


async def test_another_workspaces_upload_is_not_there(identity: Identity, branded: Person) -> None:
    other = await identity.set_plan(await identity.person(), plan="enterprise")
    data = picture("PNG")
    body = {"content_type": "image/png", "size_bytes": len(data)}
    target = (await branded.client.post("/v1/workspace/logo-uploads", json=body)).json()
    async with httpx.AsyncClient() as web:
        await web.put(target["url"], content=data, headers=target["headers"])
    path = f"/v1/workspace/logo-uploads/{target['upload_id']}/confirm"
    assert (await other.client.post(path)).status_code == 409
    assert (await branded.client.post(path)).status_code == 200


async def test_a_logo_can_be_taken_away(branded: Person) -> None:
    await upload(branded, picture("PNG"))
    assert (await branded.client.delete("/v1/workspace/logo")).status_code == 204
    assert (await branded.client.get("/v1/workspace/branding")).json()["logo_url"] is None


async def test_the_storage_holds_nothing_of_what_was_sent(
    branded: Person, storage_settings: StorageSettings
) -> None:
    await upload(branded, picture("PNG"))
    async with Storage(storage_settings) as storage:
        prefix = f"workspaces/{branded.workspace_id}/"
        pages = storage._client.get_paginator("list_objects_v2")
        keys = [
            item["Key"]
            async for page in pages.paginate(Bucket=storage_settings.bucket, Prefix=prefix)
            for item in page.get("Contents", ())
        ]
    assert len(keys) == 1
    assert "uploads" not in keys[0]
