"""Hears every public fact of the company from the event log; one reader per replica, no inbox.

A reader of the log misses nothing: after the broker was away it goes on where it stopped.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError
from pydantic import ValidationError
from yarl import URL

from chassis import topology
from contracts.billing import ProjectPaid
from contracts.event import Event
from services.gateway.limits import CallLimits
from services.gateway.progress.repository import BROKER_TIMEOUT_SECONDS, Consuming, Offset, reading
from services.gateway.progress.rules import CHANGES_CALLERS, ends_stream, is_stale
from services.gateway.progress.streams import Fact, Streams
from services.gateway.sessions import Sessions

log = structlog.get_logger()

RECONNECT_SECONDS = 1.0
CHECK_SECONDS = 0.25
FIRST_FACT_SECONDS = 2.0
AMQP_HEARTBEAT_SECONDS = 5
"""A broker that vanished without a word is noticed within two of these."""
WARM_UP_FACTS = 2000
"""How far a fresh replica reads back, so that clients of the one it replaces resume from memory."""
STREAM_HEARTBEAT_SECONDS = 15.0
HEARD: dict[str, type[Event]] = {**CHANGES_CALLERS, ProjectPaid.routing_key: ProjectPaid}
"""The facts that mean something to the gateway itself."""
LOST = (OSError, TimeoutError, AMQPError, RuntimeError)


class Listener:
    """`push_progress`, `drop_sessions`, `forget_uploads`: streams, session cache and limits."""

    def __init__(
        self, rabbitmq_url: str, streams: Streams, sessions: Sessions, limits: CallLimits
    ) -> None:
        self._url = URL(rabbitmq_url).update_query(heartbeat=str(AMQP_HEARTBEAT_SECONDS))
        self._streams = streams
        self._sessions = sessions
        self._limits = limits
        self._consuming: Consuming | None = None
        self._newest: Fact | None = None
        self.connection: AbstractConnection | None = None

    def hears(self) -> bool:
        """True while the broker is really sending facts to us."""
        return self._consuming is not None and self._consuming()

    async def run(self) -> None:
        """Listen until cancelled."""
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                try:
                    await self._listen()
                except LOST as error:
                    log.warning("progress.deaf", error=type(error).__name__)
                await asyncio.sleep(RECONNECT_SECONDS)
        finally:
            beating.cancel()

    async def _listen(self) -> None:
        async with self._connected() as connection:
            begin = await self._where_to_begin(connection)
            async with reading(connection, begin, self._hear) as consuming:
                self._consuming = consuming
                # Asked before now, while nobody told us of revocations.
                self._sessions.forget(lambda _: True)
                # Polling: aio-pika tells nobody when the broker cancels a consumer.
                while consuming():  # noqa: ASYNC110
                    await asyncio.sleep(CHECK_SECONDS)
        log.warning("progress.deaf", error="consumer cancelled")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AbstractConnection]:
        connection = await aio_pika.connect(self._url, timeout=BROKER_TIMEOUT_SECONDS)
        try:
            await topology.declare(await connection.channel(), ())
            self.connection = connection
            yield connection
        finally:
            self.connection = self._consuming = None
            with suppress(*LOST):
                await asyncio.wait_for(connection.close(), 2)

    async def _where_to_begin(self, connection: AbstractConnection) -> int:
        newest = self._newest
        if newest is not None:
            if await _log_goes_on(connection, newest):
                return newest.position + 1
            log.warning("progress.log_began_anew")
            self._newest = None
            self._streams.begin_anew()
        last = await _first_fact(connection, "last")
        if last is None:
            return 0
        # At once, and also in a quiet hour: a read must say where its view continues.
        self._streams.newest = last.position
        return max(0, last.position - WARM_UP_FACTS)

    async def _hear(self, fact: Fact) -> None:
        self._newest = fact
        self._streams.push(fact)
        event_type = HEARD.get(fact.routing_key)
        if event_type is None:
            return
        try:
            event = event_type.model_validate_json(fact.body)
        except ValidationError:
            log.warning("progress.unreadable", routing_key=fact.routing_key)
            return
        if isinstance(event, ProjectPaid):
            await self._forget_uploads(event.workspace_id)
        else:
            self._drop_sessions(event)

    def _drop_sessions(self, event: Event) -> None:
        self._sessions.forget(lambda caller: is_stale(caller, event))
        self._streams.end(lambda caller: ends_stream(caller, event))

    async def _forget_uploads(self, workspace_id: UUID) -> None:
        for member_id in self._sessions.members_of(workspace_id):
            await self._limits.forget_uploads(member_id)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(STREAM_HEARTBEAT_SECONDS)
            self._streams.beat()


async def _log_goes_on(connection: AbstractConnection, newest: Fact) -> bool:
    """Whether the newest fact we heard still has its place, or has aged out of the log."""
    found = await _first_fact(connection, newest.position)
    if found is None:
        return False
    return found.position > newest.position or found.event_id == newest.event_id


async def _first_fact(connection: AbstractConnection, begin: Offset) -> Fact | None:
    first: asyncio.Future[Fact] = asyncio.get_running_loop().create_future()

    async def hear(fact: Fact) -> None:
        if not first.done():
            first.set_result(fact)

    async with reading(connection, begin, hear):
        try:
            return await asyncio.wait_for(first, FIRST_FACT_SECONDS)
        except TimeoutError:
            return None
