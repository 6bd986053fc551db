"""Projects, images and styles over HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from contracts.imaging import ProjectCreated, ProjectDeleted, ProjectStarted
from tests.imaging import pictures
from tests.imaging.bench import LONG_SIDE, Bench
from tests.support.services import make_caller


async def test_a_project_is_created_announced_listed_and_read(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project(name="  Storgata 1 – Oslo  ")
    assert project["name"] == "Storgata 1 – Oslo"
    assert (project["status"], project["image_count"], project["thumbnail_url"]) == (
        "pending",
        0,
        None,
    )
    assert project["progress"]["step"] == "waiting"
    [fact] = await imaging.facts(member.workspace_id, ProjectCreated)
    assert fact["project_id"] == project["id"]
    assert fact["member_id"] == str(member.caller.member_id)
    assert await member.project_now(project) == project


async def test_lists_are_paged_newest_first(imaging: Bench) -> None:
    member = imaging.member()
    made = [(await member.project(name=f"Number {number}"))["id"] for number in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = await member.get(f"/v1/projects?limit=2{cursor and f'&cursor={cursor}'}")
        seen += [project["id"] for project in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]
    bad = await member.http.get("/v1/projects?cursor=nonsense")
    assert (bad.status_code, bad.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"style_template_id": "no-such-style"}, "style_template_unknown"),
        ({"style_template_id": str(uuid4())}, "style_template_unknown"),
        ({"room_type": "dungeon"}, "invalid_request"),
        ({"name": "   "}, "invalid_request"),
        ({"name": "x" * 201}, "invalid_request"),
        ({"name": "a\u0000b"}, "invalid_request"),
        ({"status": "completed"}, "invalid_request"),
    ],
)
async def test_bad_projects_are_refused(imaging: Bench, fields: dict[str, Any], code: str) -> None:
    body = {"name": "A", "style_template_id": "scandinavian", "room_type": None}
    answer = await imaging.member().http.post("/v1/projects", json=body | fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_free_workspace_has_three_projects_even_in_a_race(imaging: Bench) -> None:
    member = imaging.member(plan="free")
    body = {"name": "A", "style_template_id": "scandinavian"}
    answers = await asyncio.gather(*(member.http.post("/v1/projects", json=body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [403] * 3
    refused = next(answer.json() for answer in answers if answer.status_code == 403)
    assert (refused["code"], refused["limit"]) == ("project_limit_reached", 3)
    [project, *_] = (await member.get("/v1/projects"))["items"]
    await member.http.delete(f"/v1/projects/{project['id']}")
    assert (await member.http.post("/v1/projects", json=body)).status_code == 403


async def test_roles_suspension_and_scopes_are_checked_on_every_write(imaging: Bench) -> None:
    owner = imaging.member()
    project = await owner.project()
    image = (await owner.upload(project["id"], pictures.jpeg())).json()
    workspace = {"workspace_id": owner.workspace_id, "plan": "pro"}
    kinds = {
        "colleague": make_caller(role="member", **workspace),
        "suspended": make_caller(workspace_status="suspended", **workspace),
        "read key": make_caller(scopes=frozenset({"projects:read", "images:read"}), **workspace),
    }
    writes: list[tuple[str, str, Any]] = [
        ("PATCH", f"/v1/projects/{project['id']}", {"name": "B"}),
        ("DELETE", f"/v1/projects/{project['id']}", None),
        ("POST", f"/v1/projects/{project['id']}/start", None),
        ("POST", f"/v1/projects/{project['id']}/retry", None),
        (
            "POST",
            f"/v1/projects/{project['id']}/uploads",
            {"file_name": "a", "content_type": "image/jpeg", "size_bytes": 9},
        ),
        ("PATCH", f"/v1/images/{image['id']}", {"room_type": "kitchen"}),
    ]
    for name, caller in kinds.items():
        client = imaging.client(caller)
        for method, path, body in writes:
            answer = await client.request(method, path, json=body)
            assert answer.status_code == 403, f"{name} {method} {path}"
        assert (await client.get(f"/v1/projects/{project['id']}")).status_code == 200
        assert (await client.get(f"/v1/images/{image['id']}/download?variant=original")).is_success
    assert (await imaging.client().get("/v1/projects")).status_code == 401


async def test_settings_are_fixed_once_the_project_has_started(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project(room_type=None)
    image = (await member.upload(project["id"], pictures.jpeg())).json()
    changed = await member.http.patch(
        f"/v1/projects/{project['id']}", json={"style_template_id": "golden-hour"}
    )
    assert changed.json()["style_template_id"] == "golden-hour"
    roomy = await member.http.patch(f"/v1/images/{image['id']}", json={"room_type": "sauna"})
    assert roomy.json()["room_type"] == "sauna"
    await member.pay(project["id"])

    late = [
        await member.http.patch(f"/v1/projects/{project['id']}", json={"room_type": "gym"}),
        await member.http.patch(f"/v1/images/{image['id']}", json={"room_type": "gym"}),
    ]
    renamed = await member.http.patch(f"/v1/projects/{project['id']}", json={"name": "B"})

    assert [answer.json()["code"] for answer in late] == ["project_already_started"] * 2
    assert renamed.json()["name"] == "B"
    shown = await member.get(f"/v1/images/{image['id']}")
    assert shown["metadata"]["prompt"].startswith("This is a sauna. Relight at golden hour.")


async def test_paying_twice_starts_once(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    await member.pay(project["id"])
    assert len(await imaging.facts(member.workspace_id, ProjectStarted)) == 1


async def test_a_project_paid_too_early_starts_when_it_is_ready(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project(room_type=None)
    start = f"/v1/projects/{project['id']}/start"
    unpaid = await member.http.post(start)
    await member.pay(project["id"])
    image = (await member.upload(project["id"], pictures.jpeg())).json()
    roomless = await member.http.post(start)
    assert (unpaid.json()["code"], unpaid.json()["paid"]) == ("project_not_ready", False)
    assert (roomless.json()["code"], roomless.json()["paid"]) == ("project_not_ready", True)
    await member.http.patch(f"/v1/images/{image['id']}", json={"room_type": "office"})
    started = await member.http.post(start)
    assert (started.status_code, started.json()["status"]) == (202, "processing")


async def test_results_are_downloaded_by_signed_url_under_a_safe_name(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    [image] = (await member.get(f"/v1/projects/{project['id']}/images"))["items"]
    early = await member.http.get(f"/v1/images/{image['id']}/download")
    assert (early.status_code, early.json()["code"]) == (409, "result_not_ready")
    ended = await member.finish(project)

    async with httpx.AsyncClient() as browser:
        shown = await member.get(f"/v1/images/{image['id']}/download")
        got = await browser.get(shown["url"])
        thumbnail = await browser.get(ended["thumbnail_url"])
    assert 'filename="01-living-room.jpg"' in got.headers["content-disposition"]
    assert pictures.opened(got.content).format == "JPEG"
    assert thumbnail.content == got.content
    metadata = (await member.get(f"/v1/images/{image['id']}"))["metadata"]
    assert metadata["cost_usd"] == "0.15"
    assert metadata["attempts"] == 1
    assert metadata["fal_request_id"]
    assert metadata["processing_time_seconds"] > 0
    assert metadata["original_size"] == {"width": 480, "height": 320}
    assert metadata["enhanced_size"]["width"] == LONG_SIDE


async def test_deleting_a_project_deletes_every_object_and_says_so_once(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    await member.upload(project["id"], pictures.jpeg())
    storage = imaging.outside.storage
    folder = f"workspaces/{member.workspace_id}/projects/{project['id']}/images/result/"
    for start in range(0, 1100, 50):
        await asyncio.gather(
            *(
                storage.write(f"{folder}{n}.jpg", b"x", content_type="image/jpeg")
                for n in range(start, start + 50)
            )
        )

    assert (await member.http.delete(f"/v1/projects/{project['id']}")).status_code == 204
    gone = await member.http.get(f"/v1/projects/{project['id']}")
    await imaging.work(member.workspace_id)

    assert gone.status_code == 404
    assert await imaging.keys(f"workspaces/{member.workspace_id}/") == []
    assert len(await imaging.facts(member.workspace_id, ProjectDeleted)) == 1
    again = await member.http.delete(f"/v1/projects/{project['id']}")
    assert again.status_code == 404


async def test_styles_of_a_workspace_are_private_and_usable(imaging: Bench) -> None:
    member, stranger = imaging.member(), imaging.member()
    body = {
        "name": "Coastal",
        "description": "Sea air",
        "category": "staging",
        "prompt": "Blue and white.",
    }
    made = await member.http.post("/v1/style-templates", json=body)
    assert made.status_code == 201, made.text
    twice = await member.http.post("/v1/style-templates", json=body | {"name": "COASTAL"})
    assert twice.json()["code"] == "style_template_taken"
    style = made.json()
    assert len((await member.get("/v1/style-templates"))["items"]) == 12
    shown = (await stranger.get("/v1/style-templates"))["items"]
    assert len(shown) == 11
    assert {template["coming_soon"] for template in shown} == {False}
    project = {"name": "A", "style_template_id": style["id"]}
    assert (await stranger.http.post("/v1/projects", json=project)).status_code == 422
    mine = await member.paid_project(style_template_id=style["id"])
    [image] = (await member.get(f"/v1/projects/{mine['id']}/images"))["items"]
    assert image["metadata"]["prompt"].startswith("This is a living room. Blue and white. Do not")


async def test_room_types_and_limits_are_published(imaging: Bench) -> None:
    member = imaging.member(plan="free")
    rooms = (await member.get("/v1/room-types"))["items"]
    assert len(rooms) == 27
    limits = await member.get("/v1/limits")
    assert (limits["projects"], limits["images_per_project"]) == (3, 20)
    assert limits["image_max_bytes"] == 26_214_400
    assert limits["image_max_pixels"] == 50_000_000


async def test_every_tenant_table_forces_row_level_security(imaging: Bench) -> None:
    async with imaging.database.across_workspaces() as session:
        rows = await session.execute(
            text(
                "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity"
                " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE a.attname = 'workspace_id' AND c.relkind = 'r'"
            )
        )
        forced = {str(name): bool(value) for name, value in rows}
    assert forced == dict.fromkeys(
        ["project", "image_generation", "attempt", "upload", "style_template", "outbox"], True
    )
