"""Live facts: every one of the workspace, once, in order, wherever a client resumes."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from contracts.event import Event
from contracts.identity import (
    MemberRemoved,
    MemberRoleChanged,
    SessionsRevoked,
    WorkspaceDeleted,
    WorkspaceSuspended,
)
from services.gateway.progress import consumers, streams
from services.gateway.progress.streams import WAITING, Fact, Streams
from tests.gateway.conftest import Gateway, Person, Publish, StartGateway, until
from tests.gateway.events import Stream, following, heard, ids_of, some_facts
from tests.support.services import make_caller


@pytest.fixture(scope="module")
async def other_gateway(start_gateway: StartGateway) -> AsyncIterator[Gateway]:
    """A second replica."""
    async with start_gateway() as running:
        yield running


async def test_a_stream_shows_the_workspaces_facts_and_nobody_elses(
    gateway: Gateway, kari: Person, publish: Publish
) -> None:
    mine, foreign = some_facts(kari.workspace_id, 3), some_facts(uuid4(), 3)
    async with following(gateway, kari.session) as stream:
        for pair in zip(mine, foreign, strict=True):
            await publish(*pair)
        await stream.until(3)
    assert heard(stream) == ids_of(mine)
    assert set(stream.events) == {"imaging.project_started.v1"}
    assert json.loads(stream.data[0])["image_count"] == 0


async def test_nobody_follows_without_signing_in(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.get("/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_killed_connections_lose_and_double_nothing_across_replicas(
    gateway: Gateway, other_gateway: Gateway, kari: Person, publish: Publish
) -> None:
    facts = some_facts(kari.workspace_id, 120)

    async def go_on_publishing() -> None:
        for fact in facts:
            await publish(fact, *some_facts(uuid4(), 1))

    publishing: asyncio.Task[None] | None = None
    read: list[Stream] = []
    last_id = None
    async with asyncio.timeout(20):
        while len(heard(*read)) < len(facts):
            replica = (gateway, other_gateway)[len(read) % 2]
            async with following(replica, kari.session, last_id) as stream:
                publishing = publishing or asyncio.create_task(go_on_publishing())
                read.append(stream)
                left = len(facts) - len(heard(*read))
                await stream.until(min(15, left))
            last_id = stream.last_id
    assert len(read) >= 3
    assert heard(*read) == ids_of(facts)


async def test_facts_from_before_a_replicas_memory_are_read_from_the_log(
    gateway: Gateway, kari: Person, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = some_facts(kari.workspace_id, 30)
    async with following(gateway, kari.session) as stream:
        await publish(*facts)
        await stream.until(30)
    monkeypatch.setattr(streams, "RECENT", 3)
    await publish(*some_facts(uuid4(), 5))
    live = some_facts(kari.workspace_id, 2)
    known: Streams = gateway.state.progress.streams
    await until(lambda: known.recall(make_caller(), int(stream.id_of(facts[9]))) is None, 5)
    async with following(gateway, kari.session, stream.id_of(facts[9])) as resumed:
        await publish(*live)
        await resumed.until(22)
    assert heard(resumed) == ids_of([*facts[10:], *live])


async def test_a_fact_published_twice_is_shown_once_also_after_resuming(
    gateway: Gateway, kari: Person, publish: Publish
) -> None:
    first, second = some_facts(kari.workspace_id, 2)
    async with following(gateway, kari.session) as stream:
        await publish(first, first, second, first)
        await stream.until(2)
        start = int(stream.ids[0]) - 1
    async with following(gateway, kari.session, str(start)) as resumed:
        await resumed.until(2)
        await asyncio.sleep(0.05)
    assert heard(stream) == heard(resumed) == ids_of([first, second])


@pytest.mark.parametrize("cursor", ["999999999999", "0198-uuid", "-1", "1" * 40])
async def test_a_cursor_without_a_place_in_the_log_says_read_again(
    gateway: Gateway, kari: Person, publish: Publish, cursor: str
) -> None:
    (fact,) = some_facts(kari.workspace_id, 1)
    async with following(gateway, kari.session, cursor) as stream:
        await stream.until(1)
        await publish(fact)
        await stream.until(2)
    assert stream.events == ["resync", "imaging.project_started.v1"]


async def test_a_read_carries_the_cursor_its_live_view_continues_at(
    gateway: Gateway, other_gateway: Gateway, kari: Person, publish: Publish
) -> None:
    before, after = some_facts(kari.workspace_id, 2)
    async with following(gateway, kari.session) as stream:
        await publish(before)
        await stream.until(1)
    async with gateway.client(kari.session) as client:
        cursor = (await client.get("/v1/projects")).headers["last-event-id"]
    await publish(after)
    async with following(other_gateway, kari.session, cursor) as resumed:
        await resumed.until(1)
    assert heard(resumed) == ids_of([after])


async def test_a_replica_that_starts_in_a_quiet_hour_says_where_to_continue(
    start_gateway: StartGateway,
    gateway: Gateway,
    kari: Person,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with following(gateway, kari.session) as stream:
        await publish(*some_facts(kari.workspace_id, 3))
        await stream.until(3)
    monkeypatch.setattr(consumers, "WARM_UP_FACTS", 0)
    async with start_gateway() as fresh, fresh.client(kari.session) as client:
        assert (await client.get("/v1/projects")).headers["last-event-id"] == stream.last_id


async def test_signing_out_ends_that_stream_at_once_and_no_other(
    gateway: Gateway, other_gateway: Gateway, kari: Person
) -> None:
    async with gateway.client() as client:
        body = {"email": kari.email, "password": "correct horse battery"}
        second = (await client.post("/v1/auth/sign-in", json=body)).cookies["session"]
    async with (
        following(other_gateway, kari.session) as ending,
        following(other_gateway, second) as staying,
        gateway.client(kari.session) as client,
    ):
        assert (await client.post("/v1/auth/sign-out")).status_code == 204
        await asyncio.wait_for(ending.ended.wait(), 1)
        assert not staying.ended.is_set()


async def test_whatever_changes_a_callers_standing_ends_streams_within_a_second(
    gateway: Gateway, kari: Person, publish: Publish
) -> None:
    ends: list[Event] = [
        MemberRemoved(workspace_id=kari.workspace_id, member_id=kari.member_id),
        MemberRoleChanged(workspace_id=kari.workspace_id, member_id=kari.member_id, role="member"),
        WorkspaceSuspended(workspace_id=kari.workspace_id, reason="unpaid"),
        WorkspaceDeleted(workspace_id=kari.workspace_id),
        SessionsRevoked(workspace_id=kari.workspace_id, member_id=kari.member_id),
    ]
    for end in ends:
        async with following(gateway, kari.session) as stream:
            await publish(end)
            await asyncio.wait_for(stream.ended.wait(), 1)


async def test_a_workspace_has_a_bounded_number_of_streams(
    start_gateway: StartGateway, kari: Person
) -> None:
    async with (
        start_gateway(streams_per_workspace=2) as gateway,
        following(gateway, kari.session),
    ):
        async with following(gateway, kari.session), gateway.client(kari.session) as client:
            refused = await client.get("/v1/events")
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        await until(lambda: len(gateway.state.progress.streams._everybody()) == 1, 3)
        async with following(gateway, kari.session):
            pass


async def test_quiet_streams_get_heartbeats(
    start_gateway: StartGateway, kari: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "STREAM_HEARTBEAT_SECONDS", 0.05)
    async with start_gateway() as gateway, following(gateway, kari.session) as stream:
        await until(lambda: stream.heartbeats > 2, 2)
    # No more than what is still told of the sign-up: a heartbeat is no event.
    assert [event for event in stream.events if not event.startswith("identity.")] == []


async def test_a_reader_that_falls_too_far_behind_is_let_go() -> None:
    everybody, caller = Streams(per_workspace=1), make_caller()
    with everybody.following(caller) as follower:
        for number in range(WAITING + 1):
            everybody.push(
                Fact(number, str(number), "imaging.x.v1", str(caller.workspace_id), b"{}")
            )
        assert await follower.take() == []


async def test_a_fact_reaches_many_open_streams_quickly(
    gateway: Gateway, kari: Person, publish: Publish
) -> None:
    async with gateway.client(kari.session) as client:
        answers = []
        for _ in range(50):
            request = client.build_request("GET", "/v1/events")
            answers.append(await client.send(request, stream=True))
        reading = [asyncio.create_task(_first_data(answer)) for answer in answers]
        await publish(*some_facts(kari.workspace_id, 1))
        await asyncio.wait_for(asyncio.gather(*reading), 2)
        for answer in answers:
            await answer.aclose()


async def _first_data(answer: httpx.Response) -> str:
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            return line
    raise AssertionError("the stream ended without a fact")
