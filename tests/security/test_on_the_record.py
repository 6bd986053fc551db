"""Whatever an administrator writes, in whichever service, is in a log that nobody rewrites."""

from typing import Any

from tests.security.cast import impersonate
from tests.security.studio import Person, Studio

LOG = "/v1/workspace/audit-log"


async def lines(studio: Studio, who: Person, action: str, log: str = LOG) -> list[dict[str, Any]]:
    found = await studio.done("GET", f"{log}?action={action}", who)
    items: list[dict[str, Any]] = found["items"]
    return items


async def test_the_owner_reads_what_an_impersonator_wrote_in_every_service(studio: Studio) -> None:
    owner, admin = await studio.sign_up("owner"), await studio.administrator()
    body = {"name": "A", "style_template_id": "scandinavian"}
    project = await studio.done("POST", "/v1/projects", owner, body)
    video = await studio.done("POST", "/v1/videos", owner, {"name": "A"})
    impersonator = await impersonate(studio, owner)
    paths = [f"/v1/projects/{project['id']}", f"/v1/videos/{video['id']}"]
    for path in paths:
        assert (await studio.call("GET", path, impersonator)).status_code == 200
        await studio.done("PATCH", path, impersonator, {"name": "B"})
    refused = await studio.call("DELETE", paths[0], impersonator)
    assert refused.status_code == 403
    await studio.done("PATCH", "/v1/workspace", impersonator, {"name": "B"})
    calls = await lines(studio, owner, "impersonation.call")
    assert [(line["details"]["method"], line["details"]["path"]) for line in calls] == [
        ("DELETE", paths[0]),
        ("PATCH", paths[1]),
        ("PATCH", paths[0]),
    ]
    assert calls[0]["details"]["request_id"] == refused.headers["x-request-id"]
    for line in [*calls, *await lines(studio, owner, "workspace.edited")]:
        assert line["actor"]["id"] == admin.member_id
        assert line["actor"]["on_behalf_of"] == owner.member_id
    assert (await studio.done("GET", f"{LOG}/proof", owner))["intact"]


async def test_what_an_administrator_writes_in_another_service_is_in_their_own_log(
    studio: Studio,
) -> None:
    owner, admin = await studio.sign_up("owner"), await studio.administrator()
    path = f"/v1/admin/billing/workspaces/{owner.workspace_id}"
    await studio.done("PUT", path, admin, {"invoice_eligible": True})
    own = f"/v1/admin/workspaces/{admin.workspace_id}/audit-log"
    line = (await lines(studio, admin, "administration.call", own))[0]
    assert line["subject_id"] == owner.workspace_id
    assert (line["details"]["method"], line["details"]["path"]) == ("PUT", path)
    assert line["actor"]["id"] == admin.member_id
    assert (await studio.call("PUT", path, owner, {"invoice_eligible": True})).status_code == 403
    theirs = f"/v1/admin/workspaces/{owner.workspace_id}/audit-log"
    assert await lines(studio, admin, "administration.call", theirs) == []
