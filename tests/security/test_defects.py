"""The access defects of the system before, as an attacker met them at its one door (D14-D19).

What of them concerns one service alone, and D20 and D21, is in that service's own tests.
"""

import httpx
import pytest

from services.gateway.routing import find_route
from tests.security.belongings import make_project, photo
from tests.security.cast import Cast
from tests.security.matrix import VENDORS_DOORS, read_policy
from tests.security.operations import body_of, path_of
from tests.security.studio import Studio

NEVER_ASKS = ("GET /v1/events", "POST /webhooks/stripe", *VENDORS_DOORS)


def of_somebody() -> list[str]:
    """Every operation that is not for anybody."""
    policy = read_policy().items()
    return [name for name, codes in policy if codes["anonymous"] == 401 and name not in NEVER_ASKS]


async def test_d14_no_service_works_for_somebody_without_a_signed_caller(
    studio: Studio, cast: Cast
) -> None:
    """At the gateway a cookie's mere presence opened the door; behind it nobody asked at all."""
    ids = cast.ours.ids | {
        "owner": cast.ours.owner.member_id,
        "affiliate": cast.ours.ids["workspace"],
    }
    async with httpx.AsyncClient(trust_env=False, timeout=20) as web:
        for operation in of_somebody():
            method, path = operation.partition(" ")[0], path_of(operation, ids)
            route = find_route(path)
            assert route is not None
            service = studio.up.product.addresses[route.service]
            for place in (studio.gateway, service):
                cookie = {"cookie": "session=present; __Host-session=present"}
                url = f"{place}{path}"
                answer = await web.request(
                    method, url, headers=cookie, json=body_of(operation, ids)
                )
                assert answer.status_code == 401, (operation, place, answer.text)


@pytest.mark.parametrize("method", ["stripe", "invoice"])
@pytest.mark.parametrize(
    ("kind", "thing"), [("photo_project", "ready_project"), ("video", "video")]
)
async def test_d15_nobody_charges_another_workspace(
    studio: Studio, cast: Cast, kind: str, thing: str, method: str
) -> None:
    stranger = cast.people["stranger"]
    count = "SELECT count(*) AS payments FROM project_payment"
    before = await studio.sql("billing", count)
    body = {"billable_kind": kind, "billable_id": cast.ours.ids[thing], "method": method}
    answer = await studio.call("POST", "/v1/payments", stranger, body)
    assert answer.status_code == 404, answer.text
    told = {**body, "workspace_id": cast.ours.ids["workspace"]}
    answer = await studio.call("POST", "/v1/payments", stranger, told)
    assert answer.status_code == 422, "the workspace comes from the session only"
    assert await studio.sql("billing", count) == before


async def test_d16_payments_and_downloads_show_nothing_by_a_workspace_or_id_that_is_named(
    studio: Studio, cast: Cast
) -> None:
    stranger, ours = cast.people["stranger"], cast.ours.ids
    for path in ("/v1/payments", "/v1/invoices"):
        answer = await studio.call("GET", f"{path}?workspace_id={ours['workspace']}", stranger)
        assert not [thing for thing in ours.values() if thing in answer.text]
    for path in (
        f"/v1/images/{ours['image']}/download",
        f"/v1/videos/{ours['video']}/download",
        f"/v1/payments/{ours['payment']}",
        f"/v1/invoices/{ours['invoice']}",
    ):
        assert (await studio.call("GET", path, stranger)).status_code == 404, path


async def test_d17_a_clip_is_changed_and_retried_by_its_own_workspace_and_from_no_address(
    studio: Studio, cast: Cast
) -> None:
    stranger, clip = cast.people["stranger"], cast.ours.ids["clip"]
    for method, path in (("PATCH", f"/v1/clips/{clip}"), ("POST", f"/v1/clips/{clip}/retry")):
        body = {"room_label": "Mine now"} if method == "PATCH" else None
        assert (await studio.call(method, path, stranger, body)).status_code == 404
    own = cast.foreign.ids["clip"]
    for field in ("end_image_url", "image_url", "end_image", "source_key"):
        body = {field: "http://169.254.169.254/latest/meta-data/"}
        answer = await studio.call("PATCH", f"/v1/clips/{own}", stranger, body)
        assert answer.status_code == 422, answer.text


async def test_d18_where_an_upload_goes_and_what_it_may_be_is_not_the_clients_to_say(
    studio: Studio, cast: Cast
) -> None:
    stranger = cast.people["stranger"]
    project = await make_project(studio, stranger, {})
    path = f"/v1/projects/{project}/uploads"
    plain = {"file_name": "a.jpg", "content_type": "image/jpeg", "size_bytes": len(photo())}
    for field in ("path", "key", "url", "workspace_id"):
        told = {**plain, field: f"workspaces/{cast.ours.ids['workspace']}/projects/x/a.jpg"}
        assert (await studio.call("POST", path, stranger, told)).status_code == 422
    told = {**plain, "file_name": f"../../{cast.ours.ids['workspace']}/a.jpg"}
    slot = await studio.done("POST", path, stranger, told)
    assert f"/{stranger.workspace_id}/" in slot["url"]
    assert cast.ours.ids["workspace"] not in slot["url"]
    async with httpx.AsyncClient(trust_env=False, timeout=20) as storage:
        for content, kind in ((photo() + b"x", "image/jpeg"), (photo(), "text/html")):
            put = await storage.put(slot["url"], content=content, headers={"content-type": kind})
            assert put.status_code == 403, kind
    # Nothing has been put there.
    answer = await studio.call("POST", f"/v1/uploads/{slot['upload_id']}/confirm", stranger)
    assert answer.status_code in (409, 422), answer.text
    confirm = f"/v1/uploads/{cast.ours.ids['upload']}/confirm"
    assert (await studio.call("POST", confirm, stranger)).status_code == 404


async def test_d19_a_picture_is_read_by_a_signed_address_only(studio: Studio, cast: Cast) -> None:
    owner = cast.people["owner"]
    path = f"/v1/images/{cast.ours.ids['image']}/download"
    signed = (await studio.done("GET", path, owner))["url"]
    bare, _, query = signed.partition("?")
    other = bare.replace(cast.ours.ids["workspace"], cast.foreign.ids["workspace"])
    async with httpx.AsyncClient(trust_env=False, timeout=20) as storage:
        assert (await storage.get(signed)).status_code == 200
        refused = (bare, f"{other}?{query}", f"{bare}?{query[:-4]}0000")
        assert {(await storage.get(url)).status_code for url in refused} == {403}
        assert (await storage.put(signed, content=b"another picture")).status_code == 403
        assert (await storage.delete(signed)).status_code == 403
