"""Uploads: what may come in, and what is left of what may not."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from chassis.database import SystemScope
from contracts.imaging import ImageUploaded
from services.imaging import sweeps
from tests.imaging import pictures
from tests.imaging.bench import Bench, Member

LISTING = Path(__file__).resolve().parents[3] / "shared" / "data" / "listing"


async def stored(imaging: Bench, image: dict[str, Any]) -> bytes:
    versions = await imaging.versions(await workspace_of(imaging, image))
    key = next(v.original_key for v in versions if str(v.root_id) == image["id"])
    return await imaging.outside.storage.read(key, max_bytes=10**8)


async def workspace_of(imaging: Bench, image: dict[str, Any]) -> Any:
    async with imaging.database.across_workspaces() as session:
        query = text("SELECT workspace_id FROM image_generation WHERE id = :id")
        return await session.scalar(query, {"id": image["id"]})


async def test_a_phone_photo_comes_in_upright_and_without_metadata(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    data = pictures.phone_photo(orientation=6)

    answer = await member.upload(project["id"], data, room_type="kitchen")

    image = answer.json()
    assert answer.status_code == 201, answer.text
    assert (image["width"], image["height"], image["room_type"]) == (320, 480, "kitchen")
    kept = await stored(imaging, image)
    picture = pictures.opened(kept)
    # Orientation 6 shows the stored left edge on top: the red corner is now at the top right.
    assert picture.crop((310, 5, 315, 10)).getchannel("R").tobytes() > b"\xc8" * 25
    assert not picture.getexif()
    for secret in (b"SERIAL", b"Nosuch", b"Exif", b"GPS"):
        assert secret not in kept
    facts = await imaging.facts(member.workspace_id, ImageUploaded)
    assert [(fact["image_id"], fact["width"]) for fact in facts] == [(image["id"], 320)]


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_every_orientation_shows_the_same_picture(imaging: Bench, orientation: int) -> None:
    found = await imaging.outside.pictures.redraw(pictures.phone_photo(orientation))
    turned = orientation >= 5
    assert (found.width, found.height) == ((320, 480) if turned else (480, 320))


async def test_a_polyglot_keeps_its_picture_only(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    answer = await member.upload(project["id"], pictures.polyglot())
    assert answer.status_code == 201
    assert b"<script>" not in await stored(imaging, answer.json())


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIF"])
async def test_other_formats_become_jpeg(imaging: Bench, kind: str) -> None:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    member = imaging.member()
    project = await member.project()
    data = pictures.encoded(pictures.room().convert("RGBA" if kind == "PNG" else "RGB"), kind)
    content_type = {"HEIF": "image/heic"}.get(kind, f"image/{kind.lower()}")
    answer = await member.upload(project["id"], data, content_type)
    assert answer.status_code == 201, answer.text
    assert pictures.opened(await stored(imaging, answer.json())).format == "JPEG"


BAD: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "text": (lambda: b"hello, I am a photo", "image/jpeg", "not_an_image"),
    "page": (lambda: b"<html>" + pictures.jpeg(), "image/jpeg", "not_an_image"),
    "svg": (lambda: b"<svg xmlns='x'><script/></svg>", "image/png", "not_an_image"),
    "other type": (pictures.jpeg, "image/png", "wrong_type"),
    "truncated": (lambda: pictures.jpeg()[:3000], "image/jpeg", "image_corrupt"),
    "head only": (lambda: b"\xff\xd8\xff\xe0" + b"\0" * 64, "image/jpeg", "image_corrupt"),
    "heic lie": (lambda: b"\0\0\0\x18ftypheic" + b"\0" * 99, "image/heic", "image_corrupt"),
    "100 megapixels": (lambda: pictures.bomb(10_000, 10_000), "image/png", "image_too_large"),
    "400 megapixels": (lambda: pictures.bomb(20_000, 20_000), "image/png", "image_too_large"),
    "a strip": (lambda: pictures.bomb(65_000, 1), "image/png", "image_too_small"),
    "one pixel": (lambda: pictures.bomb(1, 1), "image/png", "image_too_small"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_file_is_refused_by_name_and_deleted(imaging: Bench, name: str) -> None:
    make, content_type, code = BAD[name]
    member = imaging.member()
    project = await member.project()

    answer = await member.upload(project["id"], make(), content_type)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await imaging.keys(f"workspaces/{member.workspace_id}/") == []
    assert (await member.project_now(project))["image_count"] == 0


async def ticket(member: Member, project: dict[str, Any], **fields: Any) -> httpx.Response:
    body = {"file_name": "a.jpg", "content_type": "image/jpeg", "size_bytes": 1000, **fields}
    return await member.http.post(f"/v1/projects/{project['id']}/uploads", json=body)


async def test_the_signed_url_takes_only_the_announced_type_and_length(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    data = pictures.jpeg()
    told = (await ticket(member, project, size_bytes=len(data))).json()
    assert (
        f"workspaces/{member.workspace_id}/projects/{project['id']}/images/uploads/"
        in (told["url"])
    )
    async with httpx.AsyncClient() as browser:
        longer = await browser.put(
            told["url"], content=data + b"x", headers={"content-type": "image/jpeg"}
        )
        other = await browser.put(told["url"], content=data, headers={"content-type": "text/html"})
    assert (longer.status_code, other.status_code) == (403, 403)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"size_bytes": 25 * 1024 * 1024 + 1}, 422, "file_too_large"),
        ({"size_bytes": 0}, 422, "not_an_image"),
        ({"size_bytes": -1}, 422, "invalid_request"),
        ({"content_type": "image/svg+xml"}, 422, "wrong_type"),
        ({"content_type": "text/plain"}, 422, "wrong_type"),
        ({"key": "workspaces/other"}, 422, "invalid_request"),
        ({"file_name": "a\x00b"}, 422, "invalid_request"),
    ],
)
async def test_bad_announcements_are_refused(
    imaging: Bench, fields: dict[str, Any], status: int, code: str
) -> None:
    member = imaging.member()
    answer = await ticket(member, await member.project(), **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_the_twenty_first_image_is_refused_even_in_a_race(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    answers = await asyncio.gather(*(ticket(member, project) for _ in range(24)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] * 20 + [409] * 4
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "image_limit_reached"


async def test_confirming_before_uploading_says_so_and_can_be_repeated(imaging: Bench) -> None:
    member = imaging.member()
    told = (await ticket(member, await member.project())).json()
    for _ in range(2):
        answer = await member.http.post(f"/v1/uploads/{told['upload_id']}/confirm")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_uploaded")


async def test_confirming_twice_makes_one_image(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    data = pictures.jpeg()
    told = (await ticket(member, project, size_bytes=len(data))).json()
    async with httpx.AsyncClient() as browser:
        await browser.put(told["url"], content=data, headers=told["headers"])
    confirm = f"/v1/uploads/{told['upload_id']}/confirm"

    answers = await asyncio.gather(*(member.http.post(confirm) for _ in range(3)))
    again = await member.http.post(confirm)

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert again.status_code == 201
    assert (await member.project_now(project))["image_count"] == 1
    assert len(await imaging.facts(member.workspace_id, ImageUploaded)) == 1


async def test_a_wrong_etag_is_refused(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    data = pictures.jpeg()
    told = (await ticket(member, project, size_bytes=len(data))).json()
    async with httpx.AsyncClient() as browser:
        await browser.put(told["url"], content=data, headers=told["headers"])
    answer = await member.http.post(
        f"/v1/uploads/{told['upload_id']}/confirm", json={"etag": '"0123"'}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "etag_mismatch")


async def test_the_file_changed_after_confirmation_changes_nothing(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    data = pictures.jpeg()
    told = (await ticket(member, project, size_bytes=len(data))).json()
    async with httpx.AsyncClient() as browser:
        await browser.put(told["url"], content=data, headers=told["headers"])
        image = (await member.http.post(f"/v1/uploads/{told['upload_id']}/confirm")).json()
        before = await stored(imaging, image)
        await browser.put(told["url"], content=b"x" * len(data), headers=told["headers"])
    assert await stored(imaging, image) == before
    async with httpx.AsyncClient() as browser:
        shown = await member.get(f"/v1/images/{image['id']}/download?variant=original")
        assert (await browser.get(shown["url"])).content == before


async def test_another_workspace_finds_neither_upload_nor_project(imaging: Bench) -> None:
    member, stranger = imaging.member(), imaging.member()
    project = await member.project()
    told = (await ticket(member, project)).json()
    answers = [
        await ticket(stranger, project),
        await stranger.http.post(f"/v1/uploads/{told['upload_id']}/confirm"),
        await stranger.http.get(f"/v1/projects/{project['id']}"),
        await stranger.http.delete(f"/v1/projects/{project['id']}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


async def test_a_started_project_takes_no_more_photos(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    data = pictures.jpeg()
    assert (await member.upload(project["id"], data)).status_code == 201
    late = (await ticket(member, project, size_bytes=len(data))).json()
    async with httpx.AsyncClient() as browser:
        await browser.put(late["url"], content=data, headers=late["headers"])
    await member.pay(project["id"])

    confirmed = await member.http.post(f"/v1/uploads/{late['upload_id']}/confirm")
    announced = await ticket(member, project)

    assert (confirmed.status_code, confirmed.json()["code"]) == (422, "upload_too_late")
    assert (announced.status_code, announced.json()["code"]) == (409, "project_already_started")


async def test_unconfirmed_uploads_are_swept_after_a_day(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    data = pictures.jpeg()
    told = (await ticket(member, project, size_bytes=len(data))).json()
    async with httpx.AsyncClient() as browser:
        await browser.put(told["url"], content=data, headers=told["headers"])
    outside = imaging.outside

    await sweeps.erase_uploads(imaging.database, outside.storage, imaging.settings)
    assert len(await imaging.keys(f"workspaces/{member.workspace_id}/")) == 1
    async with imaging.database.transaction(SystemScope(member.workspace_id)) as session:
        await session.execute(text("UPDATE upload SET created_at = now() - interval '25 hours'"))
    await sweeps.erase_uploads(imaging.database, outside.storage, imaging.settings)

    assert await imaging.keys(f"workspaces/{member.workspace_id}/") == []
    answer = await member.http.post(f"/v1/uploads/{told['upload_id']}/confirm")
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_expired")


async def test_twelve_megapixels_are_checked_while_others_are_served(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    data = pictures.encoded(pictures.room(4000, 3000), quality=92)
    began = datetime.now(UTC)
    uploading = asyncio.create_task(member.upload(project["id"], data))
    slowest = 0.0
    while not uploading.done():
        asked = asyncio.get_running_loop().time()
        await member.get("/v1/room-types")
        slowest = max(slowest, asyncio.get_running_loop().time() - asked)
    assert uploading.result().status_code == 201
    assert slowest < 1.0
    assert (datetime.now(UTC) - began).total_seconds() < 5


@pytest.mark.skipif(not LISTING.exists(), reason="the listing's photos are not on this machine")
async def test_real_phone_photos_come_in_upright_and_clean(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    for photo in sorted(LISTING.glob("*.jpg")):
        answer = await member.upload(project["id"], photo.read_bytes())
        assert answer.status_code == 201, f"{photo.name}: {answer.text}"
        assert not pictures.opened(await stored(imaging, answer.json())).getexif()
    assert (await member.project_now(project))["image_count"] == 8
