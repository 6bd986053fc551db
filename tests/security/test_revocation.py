"""What an administrator or owner takes away is gone everywhere within a second (R14, D21)."""

import asyncio
import time

from tests.security.cast import Cast, impersonate
from tests.security.studio import Person, Studio

SECOND = 1.0
READS = ("/v1/members/me", "/v1/projects", "/v1/videos", "/v1/pricing", "/v1/room-types")
STARTS = (
    ("/v1/projects", {"name": "A", "style_template_id": "scandinavian"}),
    ("/v1/videos", {"name": "A"}),
    ("/v1/api-keys", {"name": "a key", "scopes": ["projects:read"]}),
)


async def codes(studio: Studio, headers: dict[str, str]) -> set[int]:
    """What every service answers now."""
    answers = await asyncio.gather(*(studio.call("GET", path, headers) for path in READS))
    return {answer.status_code for answer in answers}


async def until_only(studio: Studio, headers: dict[str, str], wanted: int) -> float:
    """Seconds until every service answers like that."""
    began = time.monotonic()
    async with asyncio.timeout(10):
        while await codes(studio, headers) != {wanted}:
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def warm(studio: Studio, person: Person) -> None:
    """Known to the gateway, so that the revocation has something to drop."""
    assert await codes(studio, person.headers) == {200}


async def test_a_banned_person_is_out_of_every_service_within_a_second(studio: Studio) -> None:
    person = await studio.sign_up()
    await warm(studio, person)
    path, body = f"/v1/admin/users/{person.member_id}/ban", {"reason": "a test"}
    await studio.done("PUT", path, await studio.administrator(), body)
    assert await until_only(studio, person.headers, 401) <= SECOND


async def test_a_removed_member_is_out_within_a_second_and_so_is_their_key(
    studio: Studio, cast: Cast
) -> None:
    owner = cast.people["owner"]
    admin = await studio.colleague(owner, "admin")
    _, key = await studio.api_key(admin, ["projects:read"])
    await warm(studio, admin)
    assert (await studio.call("GET", "/v1/projects", key)).status_code == 200
    await studio.done("DELETE", f"/v1/members/{admin.member_id}", owner)
    assert await until_only(studio, admin.headers, 401) <= SECOND
    assert (await studio.call("GET", "/v1/projects", key)).status_code == 401


async def test_a_demoted_administrator_manages_nothing_after_a_second(
    studio: Studio, cast: Cast
) -> None:
    owner = cast.people["owner"]
    admin = await studio.colleague(owner, "admin")
    assert (await studio.call("GET", "/v1/payments", admin)).status_code == 200
    path = f"/v1/members/{admin.member_id}"
    await studio.done("PATCH", path, owner, {"role": "member"})
    assert await until_only(studio, admin.headers, 401) <= SECOND
    again = await studio.sign_in(admin)
    assert (await studio.call("GET", "/v1/payments", again)).status_code == 403


async def test_nothing_starts_a_second_after_a_suspension_and_reading_goes_on(
    studio: Studio,
) -> None:
    person = await studio.sign_up()
    await warm(studio, person)
    await studio.standing(person.workspace_id, status="suspended", reason="a test")
    began = time.monotonic()
    async with asyncio.timeout(10):
        while True:
            calls = [studio.call("POST", path, person, body) for path, body in STARTS]
            if {answer.status_code for answer in await asyncio.gather(*calls)} == {403}:
                break
            await asyncio.sleep(0.02)
    assert time.monotonic() - began <= SECOND
    assert await codes(studio, person.headers) == {200}


async def test_an_administrator_who_is_one_no_more_administers_and_impersonates_no_more(
    studio: Studio,
) -> None:
    person, victim = await studio.sign_up(), await studio.sign_up()
    path = f"/v1/admin/users/{person.member_id}"
    root = await studio.administrator()
    await studio.done("PATCH", path, root, {"is_system_admin": True, "reason": "a test"})
    person = await studio.sign_in(person)
    begin = f"/v1/admin/users/{victim.member_id}/impersonation"
    answer = await studio.call("POST", begin, person, {"reason": "a test"})
    acting = {"cookie": f"session={answer.cookies['session']}"}
    assert await codes(studio, acting) == {200}
    await studio.done("PATCH", path, root, {"is_system_admin": False, "reason": "a test"})
    assert await until_only(studio, acting, 401) <= SECOND
    assert (await studio.call("GET", "/v1/admin/users", person)).status_code in (401, 403)


async def test_a_changed_password_ends_the_other_browsers_within_a_second(studio: Studio) -> None:
    person = await studio.sign_up()
    other = await studio.sign_in(person)
    await warm(studio, other)
    body = {"password": person.password, "new_password": "canary-another-password"}
    await studio.done("POST", "/v1/auth/password/change", person, body)
    assert await until_only(studio, other.headers, 401) <= SECOND
    assert await codes(studio, person.headers) == {200}


async def test_a_revoked_key_is_nobody_within_a_second(studio: Studio) -> None:
    person = await studio.sign_up()
    key_id, key = await studio.api_key(person, ["projects:read", "videos:read"])
    assert (await studio.call("GET", "/v1/projects", key)).status_code == 200
    await studio.done("DELETE", f"/v1/api-keys/{key_id}", person)
    assert await until_only(studio, key, 401) <= SECOND


async def test_signing_out_while_impersonating_leaves_the_administrator_signed_in(
    studio: Studio,
) -> None:
    victim = await studio.sign_up()
    acting = await impersonate(studio, victim)
    await studio.done("POST", "/v1/auth/sign-out", acting)
    assert await codes(studio, acting) == {401}
    assert await codes(studio, victim.headers) == {200}
    assert await codes(studio, (await studio.administrator()).headers) == {200}
