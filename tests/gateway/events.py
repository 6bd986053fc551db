"""Reads `/v1/events` as a browser's EventSource does."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx

from contracts.event import Event
from contracts.imaging import ProjectStarted
from tests.gateway.conftest import Gateway


@dataclass
class Stream:
    """What has arrived on one open stream."""

    last_id: str | None = None
    events: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    heartbeats: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, answer: httpx.Response) -> None:
        frame: dict[str, str] = {}
        try:
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    frame[name] = value
                else:
                    self._take(frame)
                    frame = {}
        except httpx.HTTPError:
            pass
        finally:
            self.ended.set()

    def id_of(self, fact: Event) -> str:
        """The id under which the fact came."""
        return next(
            cursor
            for cursor, text in zip(self.ids, self.data, strict=True)
            if str(fact.event_id) in text
        )

    async def until(self, count: int, seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while len(self.events) < count:
                await asyncio.sleep(0.005)

    def _take(self, frame: dict[str, str]) -> None:
        self.heartbeats += "" in frame
        if "retry" in frame:
            self.opened.set()
        self.last_id = frame.get("id", self.last_id)
        if "data" in frame:
            self.events.append(frame["event"])
            self.ids.append(frame["id"])
            self.data.append(frame["data"])


@asynccontextmanager
async def following(
    gateway: Gateway, session: str, last_id: str | None = None, **headers: str
) -> AsyncIterator[Stream]:
    if last_id is not None:
        headers["last-event-id"] = last_id
    stream = Stream(last_id=last_id)
    async with (
        gateway.client(session, **headers) as client,
        client.stream("GET", "/v1/events") as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        reading = asyncio.create_task(stream.read(answer))
        try:
            await asyncio.wait_for(stream.opened.wait(), 5)
            yield stream
        finally:
            reading.cancel()
            await _finished(reading)


async def _finished(task: "asyncio.Task[Any]") -> None:
    await asyncio.wait([task], timeout=2)


def some_facts(workspace_id: UUID, count: int) -> list[ProjectStarted]:
    return [
        ProjectStarted(workspace_id=workspace_id, project_id=uuid4(), image_count=number)
        for number in range(count)
    ]


def ids_of(facts: Sequence[Event]) -> list[str]:
    return [str(fact.event_id) for fact in facts]


def heard(*read: Stream) -> list[str]:
    """The ids of the facts made by `some_facts`, as they came."""
    return [
        json.loads(text)["event_id"]
        for stream in read
        for event, text in zip(stream.events, stream.data, strict=True)
        if event == ProjectStarted.routing_key
    ]
