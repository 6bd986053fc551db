"""What nobody can read, and what nobody can do, ends in the dead letters; the rest goes on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from chassis.dead_letters import DeadLetter, open_dead_letters
from chassis.topology import EVENTS
from contracts.billing import ProjectPaid
from local.up import Running
from tests.chaos.job import until_ended
from tests.stories.steps import pay_for_a_project, refer, until_earned
from tests.support.broker import channel, deliver, publish_raw
from tests.support.client import Client

pytestmark = pytest.mark.timeout(120)
UNREADABLE = (b"", b"\xff\xfe not JSON", b"[]", b'{"event_id": "no id"}')
READERS = ("imaging.start_paid_project", "video.start_paid_video", "affiliate.earn_on_card_payment")
TOO_MUCH = 10**30
"""More than a bigint holds: readable, and impossible to do."""


@pytest.fixture
async def empty_graveyard(up: Running) -> AsyncIterator[None]:
    """No dead letters before, and none left for the next story."""
    async with open_dead_letters(up.rabbitmq_url) as letters:
        assert await letters.waiting() == []
        yield
        for letter in {one.event_id for one in await letters.waiting()}:
            await letters.discard(letter, reason="a story about poison")
        assert await letters.waiting() == []


async def until_dead(up: Running, count: int) -> list[DeadLetter]:
    """The dead letters, once there are `count` of them."""
    async with asyncio.timeout(30), open_dead_letters(up.rabbitmq_url) as letters:
        while len(found := await letters.waiting()) < count:
            await asyncio.sleep(0.2)
        return found


def impossible() -> ProjectPaid:
    return ProjectPaid(
        workspace_id=uuid4(),
        payment_id=uuid4(),
        billable_kind="photo_project",
        billable_id=uuid4(),
        method="stripe",
        amount_minor_units=TOO_MUCH,
        currency="usd",
    )


@pytest.mark.usefixtures("empty_graveyard")
async def test_a_poisonous_message_harms_no_neighbour(up: Running, client: Client) -> None:
    poison = impossible()
    async with (
        channel(up.rabbitmq_url) as broker,
        Client(up.product.addresses["gateway"]) as affiliate,
    ):
        await refer(up, client, affiliate)
        for body in UNREADABLE:
            await publish_raw(broker, EVENTS, ProjectPaid.routing_key, body)
        await deliver(broker, READERS[2], poison)
        async with asyncio.timeout(40):
            project_id = await pay_for_a_project(client)
            project = await until_ended(client, f"/v1/projects/{project_id}")
        assert project["status"] == "completed"
        assert await until_earned(affiliate, 1) == [1_980]
    letters = await until_dead(up, len(UNREADABLE) * len(READERS) + 1)
    unreadable = Counter(one.reaction for one in letters if one.event_id == "poison")
    assert unreadable == dict.fromkeys(READERS, len(UNREADABLE))
    [undoable] = [one for one in letters if one.event_id == str(poison.event_id)]
    assert (undoable.reaction, undoable.routing_key) == (READERS[2], ProjectPaid.routing_key)
    assert undoable.error


@pytest.mark.usefixtures("empty_graveyard")
async def test_redriven_message_returns_to_the_reaction_that_failed(up: Running) -> None:
    poison = impossible()
    async with channel(up.rabbitmq_url) as broker:
        await deliver(broker, READERS[2], poison)
    await until_dead(up, 1)
    async with open_dead_letters(up.rabbitmq_url) as letters:
        assert await letters.redrive(str(poison.event_id)) == 1
    # Nothing was mended, so it comes back, from the same reaction alone.
    assert [one.reaction for one in await until_dead(up, 1)] == [READERS[2]]


async def test_stream_of_facts_goes_on_after_what_it_cannot_read(
    up: Running, client: Client
) -> None:
    await client.sign_up("agent")
    async with client.http.stream("GET", "/v1/events", timeout=20) as stream:
        assert stream.status_code == 200
        async with channel(up.rabbitmq_url) as broker:
            await publish_raw(broker, EVENTS, "imaging.unheard_of.v9", b"\x00")
        body = {"name": "After", "style_template_id": "scandinavian"}
        project = await client.create("project", "/v1/projects", body)
        async for line in stream.aiter_lines():
            if line.startswith("data:") and project["id"] in line:
                return
    pytest.fail("the stream ended before the project was told")
