"""A thousand open event streams: what each costs the gateway, and how soon a fact reaches all."""

import asyncio
import gc
import time
from typing import cast
from urllib.parse import urlsplit
from uuid import uuid4

import aio_pika

from benchmarks.figures import Figure, at_most, median
from benchmarks.gateway.house import House
from benchmarks.gateway.load import resident_bytes
from chassis import topology
from chassis.messages import message_of
from contracts.imaging import ProjectStarted

STREAMS = 1000
FACTS = 5
OPEN_SECONDS = 30.0
FACT_SECONDS = 10.0


class _Reader(asyncio.Protocol):
    """One browser that follows; as little of it as possible, since a thousand share our core."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._waiting: tuple[bytes, asyncio.Future[float]] | None = None
        self._seen = b""

    def itself(self) -> "_Reader":
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._seen += data
        if self._waiting is not None and self._waiting[0] in self._seen:
            self._waiting[1].set_result(time.perf_counter())
            self._waiting = None

    def sees(self, what: bytes) -> "asyncio.Future[float]":
        """When these bytes have come."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting, self._seen = (what, future), b""
        return future


async def measure_streams(house: House) -> list[Figure]:
    """Memory of one stream, and the time until the last of them has a fact; median of facts."""
    before = resident_bytes(house.pid("gateway"))
    readers = await _open(house)
    await asyncio.sleep(1)
    each = (resident_bytes(house.pid("gateway")) - before) / STREAMS / 1024
    gc.freeze()
    reached = [await _reach_all(house, readers) for _ in range(FACTS)]
    for reader in readers:
        reader.transport.abort()
    return [
        at_most(f"memory of each of {STREAMS} event streams", each, "KiB", 30),
        at_most(f"a fact has reached {STREAMS} streams after", 1000 * median(reached), "ms", 250),
    ]


async def _open(house: House) -> list[_Reader]:
    where = urlsplit(house.addresses["gateway"])
    session = house.people[0].session
    request = (
        f"GET /v1/events HTTP/1.1\r\nhost: {where.netloc}\r\ncookie: session={session}\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    readers, opened = [], []
    async with asyncio.timeout(OPEN_SECONDS):
        for _ in range(STREAMS):
            reader = _Reader(request)
            opened.append(reader.sees(b"retry: 1000"))
            await loop.create_connection(reader.itself, where.hostname or "", where.port or 80)
            readers.append(reader)
            if len(readers) % 50 == 0:
                await asyncio.gather(*opened)
    return readers


async def _reach_all(house: House, readers: list[_Reader]) -> float:
    """Seconds from the publish until the last reader has it."""
    workspace_id = house.people[0].caller.workspace_id
    fact = ProjectStarted(workspace_id=workspace_id, project_id=uuid4(), image_count=1)
    body = fact.model_dump(mode="json")
    message = message_of(source="bench", routing_key=fact.routing_key, body=body, trace={})
    async with await aio_pika.connect(house.rabbitmq_url, timeout=5) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(topology.EVENTS, ensure=False)
        arrivals = [reader.sees(str(fact.event_id).encode()) for reader in readers]
        began = time.perf_counter()
        await exchange.publish(message, fact.routing_key, timeout=5)
        async with asyncio.timeout(FACT_SECONDS):
            return max(await asyncio.gather(*arrivals)) - began
