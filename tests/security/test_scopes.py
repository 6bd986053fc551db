"""A key opens what its scopes name, one by one, and never what is for people."""

import asyncio
from uuid import uuid4

import pytest

from tests.security.cast import SCOPES, Cast, Headers
from tests.security.matrix import operations_of, read_policy
from tests.security.operations import body_of, path_of
from tests.security.studio import Studio

AREA_OF = {
    "/v1/affiliate": "affiliate",
    "/v1/clips": "videos",
    "/v1/images": "images",
    "/v1/invitations": "members",
    "/v1/invoices": "invoices",
    "/v1/limits": "projects",
    "/v1/members": "members",
    "/v1/music-tracks": "videos",
    "/v1/payments": "payments",
    "/v1/projects": "projects",
    "/v1/projects/{project_id}/images": "images",
    "/v1/projects/{project_id}/uploads": "images",
    "/v1/room-types": "projects",
    "/v1/style-templates": "projects",
    "/v1/uploads": "images",
    "/v1/videos": "videos",
    "/v1/workspace": "workspace",
}
ANY_KEY = {"GET /v1/events", "GET /v1/members/me", "GET /v1/pricing"}
"""Who one is, the price list, and the stream: that shows of each fact what its scope may read."""


def scope_of(operation: str) -> str:
    method, _, path = operation.partition(" ")
    prefix = max((known for known in AREA_OF if path.startswith(known)), key=len)
    return f"{AREA_OF[prefix]}:{'read' if method == 'GET' else 'write'}"


def open_to_keys() -> list[str]:
    """Those the policy lets a key do, whatever the state of the thing; public ones left out."""
    forbidden = (401, 403)
    return [
        operation
        for operation, codes in read_policy().items()
        if operation not in ANY_KEY
        and codes["anonymous"] in forbidden
        and (codes["read key"] not in forbidden or codes["write key"] not in forbidden)
    ]


def closed_to_keys() -> list[str]:
    return [
        operation
        for operation, codes in read_policy().items()
        if codes["read key"] == codes["write key"] == 403
    ]


@pytest.fixture(scope="module")
async def keys(studio: Studio, cast: Cast) -> dict[str, Headers]:
    """A key for each scope alone, and one for each that lacks only that scope."""
    owner, made = cast.people["owner"], {}
    for scope in list(SCOPES):
        _, made[scope] = await studio.api_key(owner, [scope])
        _, made[f"without {scope}"] = await studio.api_key(owner, sorted({*SCOPES} - {scope}))
    _, made["all"] = await studio.api_key(owner, list(SCOPES))
    return made


async def test_an_operation_takes_its_own_scope_and_no_other(
    studio: Studio, cast: Cast, keys: dict[str, Headers]
) -> None:
    ours = cast.ours.ids | {"owner": cast.ours.owner.member_id}
    # What is refused is refused about our own things; what is allowed uses none of them up.
    nobodys = {name: str(uuid4()) for name in ours}

    async def check(operation: str) -> list[str]:
        method, scope, wrong = operation.partition(" ")[0], scope_of(operation), []
        for key, ids in ((f"without {scope}", ours), (scope, nobodys)):
            path, body = path_of(operation, ids), body_of(operation, ids)
            answer = await studio.call(method, path, keys[key], body)
            if (answer.status_code == 403) is not (ids is ours):
                wrong.append(f"{key}: {operation} answered {answer.status_code} {answer.text}")
        return wrong

    found = await asyncio.gather(*(check(operation) for operation in open_to_keys()))
    assert [problem for problems in found for problem in problems] == []


async def test_a_key_with_every_scope_reaches_nothing_that_is_for_people(
    studio: Studio, cast: Cast, keys: dict[str, Headers]
) -> None:
    ids = cast.ours.ids | {"owner": cast.ours.owner.member_id}
    ids["affiliate"] = ids["workspace"]
    for operation in closed_to_keys():
        method, path = operation.partition(" ")[0], path_of(operation, ids)
        answer = await studio.call(method, path, keys["all"], body_of(operation, ids))
        assert answer.status_code == 403, (operation, answer.text)


async def test_every_scope_is_of_use(studio: Studio) -> None:
    documented = operations_of(await studio.done("GET", "/openapi.json"))
    used = {scope_of(operation) for operation in open_to_keys()}
    assert documented >= set(open_to_keys())
    assert used == set(SCOPES)
