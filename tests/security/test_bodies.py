"""Attacks by a body: fields nobody may set, and ids of somebody else's things inside it."""

from typing import Any

import pytest

from tests.security.belongings import make_project, make_video
from tests.security.cast import Cast
from tests.security.operations import body_of, path_of, with_bodies
from tests.security.studio import Studio

WISHES = {
    "role": "owner",
    "plan": "enterprise",
    "status": "completed",
    "is_system_admin": True,
    "email_verified": True,
    "banned": False,
    "invoice_eligible": True,
    "paid_at": "2026-01-01T00:00:00Z",
    "amount_minor_units": 0,
    "estimated_cost": 0,
    "id": "",
    "workspace_id": "",
    "member_id": "",
    "surprise": 1,
}
"""What somebody might like to set; empty: the id of somebody else's."""


async def test_nobody_becomes_more_by_asking(studio: Studio, cast: Cast) -> None:
    """Every body of every operation refuses, by name, each field that is not its own."""
    theirs = {
        "id": cast.foreign.ids["project"],
        "workspace_id": cast.foreign.ids["workspace"],
        "member_id": cast.people["stranger"].member_id,
    }
    ids = cast.ours.ids | {"owner": cast.ours.owner.member_id}
    ids["affiliate"] = ids["workspace"]
    bodies = with_bodies(await studio.done("GET", "/openapi.json"))
    assert len(bodies) > 40
    for operation, fields in bodies.items():
        wishes = {name: value for name, value in (WISHES | theirs).items() if name not in fields}
        who = "system admin" if "/v1/admin/" in operation else "owner"
        method, path = operation.partition(" ")[0], path_of(operation, ids)
        body = wishes | (body_of(operation, ids) or {})
        answer = await studio.call(method, path, cast.headers[who], body)
        assert answer.status_code == 422, (operation, answer.text)
        refused = {error["field"][-1] for error in answer.json()["errors"]}
        assert wishes.keys() <= refused, (operation, wishes.keys() - refused)


@pytest.mark.parametrize("role", ["owner", "system_admin", "god", "", None, 1])
async def test_nobody_is_given_a_role_above_administrator(
    studio: Studio, cast: Cast, role: Any
) -> None:
    owner = cast.people["owner"]
    path = f"/v1/members/{cast.ours.ids['member']}"
    assert (await studio.call("PATCH", path, owner, {"role": role})).status_code == 422
    body = {"email": "new@ai-studio.example", "role": role}
    assert (await studio.call("POST", "/v1/invitations", owner, body)).status_code == 422


@pytest.mark.parametrize(
    "scope",
    ["*", "admin:write", "projects:*", "projects:read\n", "PROJECTS:READ", "api-keys:write"],
)
async def test_a_key_gets_no_scope_that_does_not_exist(
    studio: Studio, cast: Cast, scope: str
) -> None:
    body = {"name": "k", "scopes": [scope]}
    answer = await studio.call("POST", "/v1/api-keys", cast.people["owner"], body)
    assert answer.status_code == 422, answer.text


async def test_a_key_makes_no_key_and_administers_nothing(studio: Studio, cast: Cast) -> None:
    passwords = {"password": "x" * 8, "new_password": "x" * 8}
    calls: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
        ("POST", "/v1/api-keys", {"name": "k", "scopes": ["projects:read"]}),
        ("POST", f"/v1/api-keys/{cast.ours.ids['key']}/rotation", None),
        ("POST", "/v1/auth/password/change", passwords),
        ("DELETE", "/v1/sessions", None),
        ("GET", "/v1/admin/users", None),
    )
    for kind in ("read key", "write key"):
        for method, path, body in calls:
            answer = await studio.call(method, path, cast.headers[kind], body)
            assert answer.status_code == 403, (kind, path, answer.text)


async def test_another_workspaces_id_inside_a_body_is_like_no_id(
    studio: Studio, cast: Cast
) -> None:
    stranger, ours = cast.people["stranger"], cast.ours.ids
    video = await make_video(studio, stranger, {})
    project = await make_project(studio, stranger, {})
    own = cast.foreign.ids["image"]
    order = {"billable_kind": "photo_project", "method": "stripe"}
    style = await studio.done(
        "POST",
        "/v1/style-templates",
        cast.people["owner"],
        {"name": "Secret", "description": "d", "category": "staging", "prompt": "Ours alone."},
    )
    calls: list[tuple[str, str, dict[str, Any], int]] = [
        ("POST", "/v1/payments", {**order, "billable_id": ours["ready_project"]}, 404),
        (
            "POST",
            "/v1/payments",
            {"billable_kind": "video", "method": "stripe", "billable_id": ours["video"]},
            404,
        ),
        ("POST", f"/v1/videos/{video}/clips", {"image_id": ours["image"]}, 404),
        (
            "POST",
            f"/v1/videos/{video}/clips",
            {"image_id": own, "end_image_id": ours["image"]},
            404,
        ),
        ("PUT", f"/v1/videos/{video}/order", {"clip_ids": [ours["clip"]]}, 422),
        ("PATCH", f"/v1/clips/{cast.foreign.ids['clip']}", {"end_image_id": ours["image"]}, 404),
        ("POST", "/v1/projects", {"name": "A", "style_template_id": style["id"]}, 422),
        ("PATCH", f"/v1/projects/{project}", {"style_template_id": style["id"]}, 422),
    ]
    for method, path, body, expected in calls:
        answer = await studio.call(method, path, stranger, body)
        assert answer.status_code == expected, (path, body, answer.text)
        assert not [known for known in ours.values() if known in answer.text]


async def test_cursors_and_filters_show_nothing_of_another_workspace(
    studio: Studio, cast: Cast
) -> None:
    """A page that begins after somebody else's thing still holds only one's own."""
    stranger, ours = cast.people["stranger"], cast.ours.ids
    hidden = set(ours.values())
    for path in ("/v1/members", "/v1/invitations", "/v1/api-keys", "/v1/affiliate/relationships"):
        for name in ("member", "invitation", "key", "relationship"):
            answer = await studio.call("GET", f"{path}?cursor={ours[name]}", stranger)
            assert answer.status_code == 200
            assert not [known for known in hidden if known in answer.text]
    for path in ("/v1/projects", "/v1/videos", "/v1/payments", "/v1/invoices"):
        answer = await studio.call(
            "GET", f"{path}?workspace_id={ours['workspace']}&limit=100", stranger
        )
        assert answer.status_code == 200
        assert not [known for known in hidden if known in answer.text]
