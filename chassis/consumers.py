"""How a service reacts to facts: `@consumers.on(SomethingHappened)`.

A reaction that takes `session` runs once, inside the transaction that also holds its inbox row. One
that takes `database` calls the outside world between short transactions of its own: it may run
again and checks the state it finds. Further parameters are the resources given to `attach`.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage
from pydantic import ValidationError

from chassis import inbox, topology
from chassis.batches import BatchReaction, BatchSubscription
from chassis.database import Database
from chassis.retries import Failed, Retries
from contracts.event import Event

log = structlog.get_logger()

Reaction = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Subscription:
    """One reaction to one fact: its queue is named after it."""

    name: str
    event: type[Event]
    reaction: Reaction
    prefetch: int | None


class Consumers:
    """A service's reactions; the worker attaches them to its broker."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.subscriptions: list[Subscription] = []
        self.batches: list[BatchSubscription] = []

    def on(
        self, event: type[Event], *, prefetch: int | None = None
    ) -> Callable[[Reaction], Reaction]:
        """Register the reaction; `prefetch` bounds how many run at once in one process."""

        def register(reaction: Reaction) -> Reaction:
            name = f"{self.service}.{reaction.__name__}"
            self.subscriptions.append(Subscription(name, event, reaction, prefetch))
            return reaction

        return register

    def on_batch(
        self, event: type[Event], *, size: int = 200
    ) -> Callable[[BatchReaction], BatchReaction]:
        """Register a reaction to lists of facts: one transaction for as many as have arrived."""

        def register(reaction: BatchReaction) -> BatchReaction:
            name = f"{self.service}.{reaction.__name__}"
            self.batches.append(BatchSubscription(name, event, reaction, size))
            return reaction

        return register

    def include(self, other: "Consumers") -> None:
        """Take over the reactions of another capability of the same service."""
        self.subscriptions.extend(other.subscriptions)
        self.batches.extend(other.batches)

    def attach(
        self,
        broker: RabbitBroker,
        database: Database,
        *,
        prefetch: int,
        retry_delays_seconds: tuple[float, ...],
        **resources: Any,
    ) -> None:
        for subscription in self.subscriptions:
            run = _runner(subscription, database, resources)
            retries = Retries(subscription.name, broker, retry_delays_seconds)
            handler = _Handler(subscription, run, retries)
            broker.subscriber(
                topology.queue_of(subscription.name, subscription.event),
                topology.exchange_of(subscription.event),
                channel=Channel(prefetch_count=subscription.prefetch or prefetch),
                ack_policy=AckPolicy.NACK_ON_ERROR,
                no_reply=True,
                decoder=_as_it_came,
            )(handler.handle)


async def _as_it_came(message: RabbitMessage) -> bytes:
    # FastStream decodes before it calls us, and what it cannot decode we would never see.
    return message.body


def _runner(
    subscription: Subscription, database: Database, resources: dict[str, Any]
) -> Callable[[Event], Awaitable[None]]:
    wanted = list(inspect.signature(subscription.reaction).parameters)[1:]
    given = {name: resources[name] for name in wanted if name not in ("session", "database")}

    async def once(event: Event) -> None:
        async with database.transaction(event) as session:
            if await inbox.claim(session, subscription.name, [event.event_id]):
                await subscription.reaction(event, session=session, **given)

    async def repeatable(event: Event) -> None:
        await subscription.reaction(event, database=database, **given)

    return once if "session" in wanted else repeatable


@dataclass(frozen=True)
class _Handler:
    """Runs one reaction on one message; what fails goes to its retries."""

    subscription: Subscription
    run: Callable[[Event], Awaitable[None]]
    retries: Retries

    async def handle(self, message: RabbitMessage) -> None:
        failed = Failed(message.body, message.headers, message.message_id)
        try:
            event = self.subscription.event.model_validate_json(message.body)
        except ValidationError as error:
            await self.retries.give_up(failed, error)
            return
        with structlog.contextvars.bound_contextvars(
            reaction=self.subscription.name,
            event_id=str(event.event_id),
            workspace_id=str(event.workspace_id),
        ):
            try:
                await self.run(event)
            except Exception as error:
                log.exception("reaction.failed")
                await self.retries.retry(failed, error)
