"""A stranger gets for everything of ours what he gets for what does not exist."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from local.up import Running
from tests.chaos.world import World
from tests.stories.conftest import MainJob
from tests.support.client import Client

pytestmark = pytest.mark.timeout(120)
ORDER = {"method": "stripe", "billable_kind": "photo_project"}
OPERATIONS: tuple[tuple[str, str, str, Any], ...] = (
    ("project", "GET", "/v1/projects/{}", None),
    ("project", "PATCH", "/v1/projects/{}", {"name": "Mine"}),
    ("project", "DELETE", "/v1/projects/{}", None),
    ("project", "POST", "/v1/projects/{}/start", None),
    ("project", "POST", "/v1/projects/{}/retry", None),
    ("project", "GET", "/v1/projects/{}/images", None),
    (
        "project",
        "POST",
        "/v1/projects/{}/uploads",
        {"file_name": "a.jpg", "content_type": "image/jpeg", "size_bytes": 9, "room_type": "gym"},
    ),
    ("image", "GET", "/v1/images/{}", None),
    ("image", "PATCH", "/v1/images/{}", {"room_type": "gym"}),
    ("image", "GET", "/v1/images/{}/download", None),
    ("image", "GET", "/v1/images/{}/download?variant=original", None),
    ("upload", "POST", "/v1/uploads/{}/confirm", None),
    ("video", "GET", "/v1/videos/{}", None),
    ("video", "PATCH", "/v1/videos/{}", {"name": "Mine"}),
    ("video", "DELETE", "/v1/videos/{}", None),
    ("video", "GET", "/v1/videos/{}/download", None),
    ("video", "GET", "/v1/videos/{}/clips", None),
    ("video", "POST", "/v1/videos/{}/auto-order", None),
    ("clip", "PATCH", "/v1/clips/{}", {"transition_type": "cut"}),
    ("clip", "DELETE", "/v1/clips/{}", None),
    ("clip", "POST", "/v1/clips/{}/retry", None),
    ("clip", "POST", "/v1/clips/{}/ken-burns", None),
    ("clip", "POST", "/v1/clips/{}/leave-out", None),
    ("payment", "GET", "/v1/payments/{}", None),
    ("invoice", "GET", "/v1/invoices/{}", None),
)
LISTS = ("/v1/projects", "/v1/videos", "/v1/payments", "/v1/invoices", "/v1/affiliate/earnings")
OURS = {
    "project": ("imaging", "SELECT id FROM project WHERE status = 'completed'"),
    "image": ("imaging", "SELECT root_id FROM image_generation WHERE status = 'completed'"),
    "upload": ("imaging", "SELECT id FROM upload WHERE status = 'confirmed'"),
    "video": ("video", "SELECT id FROM video_project WHERE status = 'completed'"),
    "clip": ("video", "SELECT id FROM video_clip WHERE status = 'completed'"),
    "payment": ("billing", "SELECT id FROM project_payment WHERE status = 'completed'"),
    "invoice": ("billing", "SELECT id FROM invoice WHERE status = 'paid'"),
}


@pytest.fixture(scope="package")
async def stranger(up: Running) -> AsyncIterator[Client]:
    """The owner of a workspace that has nothing."""
    async with Client(up.product.addresses["gateway"]) as client:
        await client.sign_up("stranger")
        yield client


def comparable(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """Status and body, without what differs between any two answers."""
    body = answer.json()
    body.pop("trace_id", None)
    return answer.status_code, body


@pytest.mark.parametrize(
    ("kind", "method", "path", "body"), OPERATIONS, ids=lambda value: str(value)[:40]
)
async def test_what_is_ours_does_not_exist_for_a_stranger(
    main_job: MainJob, world: World, stranger: Client, kind: str, method: str, path: str, body: Any
) -> None:
    service, query = OURS[kind]
    ours = (await world.column(service, query))[0]
    answers = [
        comparable(await stranger.http.request(method, path.format(id_), json=body))
        for id_ in (ours, str(uuid4()))
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


@pytest.mark.parametrize("path", LISTS)
async def test_lists_hold_nothing_of_others(main_job: MainJob, stranger: Client, path: str) -> None:
    assert (await stranger.get(path))["items"] == []


async def test_nobody_pays_for_or_films_what_is_ours(
    main_job: MainJob, world: World, stranger: Client
) -> None:
    project, image, video = [
        (await world.column(*OURS[k]))[0] for k in ("project", "image", "video")
    ]
    order = ORDER | {"billable_id": project}
    assert (await stranger.http.post("/v1/payments", json=order)).status_code == 404
    made = await stranger.create("video", "/v1/videos", {"name": "Mine"})
    clip = {"image_id": image, "room_type": "gym", "transition_type": "cut"}
    for of_whom in (made["id"], video):
        answer = await stranger.http.post(f"/v1/videos/{of_whom}/clips", json=clip)
        assert answer.status_code in (404, 422)
        assert answer.json()["code"] != "invalid_request"
    assert (await stranger.get(f"/v1/videos/{made['id']}/clips"))["items"] == []


async def heard_until(client: Client, project_id: str) -> list[dict[str, Any]]:
    """The facts a client hears, from the first to the one about that project."""
    heard: list[dict[str, Any]] = []
    headers = {"last-event-id": "0"}
    async with client.http.stream("GET", "/v1/events", headers=headers, timeout=20) as stream:
        assert stream.status_code == 200
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                heard.append(json.loads(line.partition(":")[2]))
                if heard[-1].get("project_id") == project_id:
                    break
    return heard


async def test_a_stranger_hears_none_of_our_facts(up: Running, client: Client) -> None:
    body = {"name": "A home", "style_template_id": "scandinavian"}
    async with Client(up.product.addresses["gateway"]) as other:
        await client.sign_up("one")
        await other.sign_up("other")
        ours = await client.create("project", "/v1/projects", body)
        # Theirs comes after ours in the log: whoever hears of ours hears it first.
        theirs = await other.create("project", "/v1/projects", body)
        async with asyncio.timeout(30):
            heard = await heard_until(other, theirs["id"])
        assert ours["id"] != theirs["id"]
        assert {fact["workspace_id"] for fact in heard} == {other.workspace_id}


async def test_nobody_unknown_gets_in(up: Running) -> None:
    async with Client(up.product.addresses["gateway"]) as nobody:
        for path in (*LISTS, "/v1/events", "/v1/admin/invoices", "/v1/workspace"):
            assert (await nobody.http.get(path)).status_code == 401, path


@pytest.mark.parametrize(
    "path", ["/v1/admin/invoices", "/v1/admin/workspaces", "/v1/admin/billing/lines"]
)
async def test_an_owner_is_no_administrator(stranger: Client, path: str) -> None:
    assert (await stranger.http.get(path)).status_code == 403
