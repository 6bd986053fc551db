"""Runs a reaction on what its queue delivers, one by one or in batches; settles each message."""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from faststream.rabbit import RabbitMessage
from opentelemetry import propagate, trace
from pydantic import ValidationError

from chassis import inbox
from chassis.consumers import Subscription
from chassis.database import Database
from chassis.retries import Retries
from contracts.event import Event

log = structlog.get_logger()

LINGER_SECONDS = 0.02
"""How long a batch waits for company after its first fact."""

Take = Callable[[RabbitMessage], Awaitable[None]]


class OneByOne:
    """Each fact in a transaction of its own, as many side by side as the broker delivers."""

    def __init__(
        self, subscription: Subscription, database: Database, resources: dict[str, Any]
    ) -> None:
        self._subscription = subscription
        self._database = database
        self._tracer = trace.get_tracer(__name__)
        wanted = list(inspect.signature(subscription.reaction).parameters)[1:]
        given = {name: resources[name] for name in wanted if name not in ("session", "database")}
        self._reaction = functools.partial(subscription.reaction, **given)
        self._takes_session = "session" in wanted

    def taker(self, retries: Retries) -> Take:
        """For one connection: what another one delivered is not ours to acknowledge."""
        return functools.partial(self._take, retries)

    async def _take(self, retries: Retries, message: RabbitMessage) -> None:
        name = self._subscription.name
        with self._tracer.start_as_current_span(
            f"{name} process",
            context=propagate.extract(message.headers),
            kind=trace.SpanKind.CONSUMER,
            attributes={"messaging.system": "rabbitmq", "messaging.destination.name": name},
        ):
            try:
                event = self._read(message)
            except ValidationError as error:
                await retries.give_up(message, error)
                return
            with structlog.contextvars.bound_contextvars(
                reaction=name,
                event_id=str(event.event_id),
                workspace_id=str(event.workspace_id),
            ):
                try:
                    await self._react(event)
                except Exception as error:
                    log.exception("reaction.failed")
                    await retries.retry(message, error)
                    return
        await message.ack()

    def _read(self, message: RabbitMessage) -> Event:
        return self._subscription.event.model_validate_json(message.body)

    async def _react(self, event: Event) -> None:
        if not self._takes_session:
            await self._reaction(event, database=self._database)
            return
        async with self._database.unseeing(event) as session:
            if await inbox.claim(session, self._subscription.name, [event.event_id]):
                await self._reaction(event, session=session)


class InBatches(OneByOne):
    """One transaction and one acknowledgement for as many facts as have arrived.

    A batch that fails is taken one by one, so that a poisonous message harms no neighbour.
    """

    def taker(self, retries: Retries) -> Take:
        size = self._subscription.batch_size or 1
        arrived: list[RabbitMessage] = []
        running = asyncio.Lock()

        async def take(message: RabbitMessage) -> None:
            arrived.append(message)
            if running.locked():
                return
            async with running:
                while arrived:
                    if len(arrived) < size:
                        await asyncio.sleep(LINGER_SECONDS)
                    batch = arrived[:size]
                    del arrived[:size]
                    await self._take_all(retries, batch)

        return take

    async def _take_all(self, retries: Retries, batch: list[RabbitMessage]) -> None:
        try:
            await self._react_to([self._read(message) for message in batch])
        except Exception:
            log.warning("batch.taken_apart", reaction=self._subscription.name, size=len(batch))
            for message in batch:
                await self._take(retries, message)
        else:
            # Everything up to this one: earlier batches are settled already.
            await batch[-1].ack(multiple=True)

    async def _react(self, event: Event) -> None:
        await self._react_to([event])

    async def _react_to(self, events: list[Event]) -> None:
        async with self._database.unseeing(None) as session:
            ids = [event.event_id for event in events]
            first = await inbox.claim(session, self._subscription.name, ids)
            fresh = {event.event_id: event for event in events if event.event_id in first}
            if fresh:
                await self._reaction(list(fresh.values()), session=session)
