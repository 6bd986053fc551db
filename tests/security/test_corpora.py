"""Odd values in every field of every body: a client's error at most, and nobody called outside."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from tests.security.belongings import ORGANIZATION_NUMBERS, Belongings, furnish
from tests.security.corpora import ADDRESSES, VALUES
from tests.security.operations import body_of, path_of, with_bodies
from tests.security.studio import Person, Studio

# A busy machine takes its time for five thousand answers.
pytestmark = pytest.mark.timeout(300)
AT_ONCE = 8


class Tries:
    """Sends bodies of one odd value each, some at once."""

    def __init__(self, studio: Studio, things: Belongings, administrator: Person) -> None:
        self._studio = studio
        self._owner, self._administrator = things.owner, administrator
        self._some = asyncio.Semaphore(AT_ONCE)
        more = {"owner": things.owner.member_id, "affiliate": things.ids["workspace"]}
        self._ids = things.ids | more

    async def send(self, operation: str, field: str, value: str) -> httpx.Response:
        method, path = operation.partition(" ")[0], path_of(operation, self._ids)
        who = self._administrator if path.startswith("/v1/admin/") else self._owner
        body = dict(body_of(operation, self._ids) or {}) | {field: "VALUE"}
        headers = who.headers | {"content-type": "application/json"}
        content = json.dumps(body).replace('"VALUE"', value)
        async with self._some:
            return await self._studio.http.request(method, path, content=content, headers=headers)


@pytest.fixture(scope="module")
async def tries(studio: Studio) -> Tries:
    """In a workspace of its own: some of what is odd is taken."""
    things = await furnish(studio, await studio.sign_up("odd"), ORGANIZATION_NUMBERS[-1])
    return Tries(studio, things, await studio.administrator())


async def test_odd_values_in_every_field_are_a_clients_error_at_most(
    studio: Studio, tries: Tries
) -> None:
    bodies = with_bodies(await studio.done("GET", "/openapi.json"))
    assert len(bodies) > 40
    broken = []

    async def check(operation: str, field: str, value: str) -> None:
        answer = await tries.send(operation, field, value)
        if answer.status_code >= 500 or "evil" in str(answer.headers.get("set-cookie")):
            broken.append((operation, field, value[:40], answer.status_code, answer.text[:200]))

    every = [
        (name, field, v) for name, fields in bodies.items() for field in fields for v in VALUES
    ]
    await asyncio.gather(*(check(*each) for each in every))
    assert broken == []


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[str]]]:
    """An address nobody of ours has a reason to call, and whoever called it."""
    called: list[str] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append((await reader.readline()).decode("latin-1"))
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/called", called


async def test_an_address_in_any_field_is_called_by_nobody(studio: Studio, tries: Tries) -> None:
    bodies = with_bodies(await studio.done("GET", "/openapi.json"))
    async with listening() as (address, called):
        for operation, fields in bodies.items():
            for field in fields:
                answer = await tries.send(operation, field, json.dumps(address))
                assert answer.status_code < 500, (operation, field, answer.text)
        # What was taken is worked on by now.
        await asyncio.sleep(1)
        assert called == []
        with suppress(httpx.TransportError):
            await studio.http.get(address)
    assert len(called) == 1


@pytest.mark.parametrize("address", ADDRESSES)
async def test_no_address_inside_breaks_what_takes_addresses(tries: Tries, address: str) -> None:
    """The pages a payer's browser returns to: written down for Stripe, never opened by us."""
    for field in ("success_url", "cancel_url"):
        answer = await tries.send("POST /v1/payments", field, json.dumps(address))
        assert answer.status_code < 500, answer.text
        if not address.startswith("http"):
            assert answer.status_code == 422, answer.text
