"""How a service reacts to facts: `@consumers.on(SomethingHappened)`.

A reaction that takes `session` runs once, inside the transaction that also holds its inbox row. One
that takes `database` calls the outside world between short transactions of its own: it may run
again and checks the state it finds. Further parameters are the resources given to the worker.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from contracts.event import Event

Reaction = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Subscription:
    """One reaction to one fact: its queue is named after it."""

    name: str
    event: type[Event]
    reaction: Reaction
    prefetch: int | None = None
    """How many run at once in one process; None: as the service's settings say."""
    batch_size: int | None = None
    """How many facts the reaction takes at once, at most; None: one, and not in a list."""


class Consumers:
    """A service's reactions; its worker runs them."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.subscriptions: list[Subscription] = []

    def on(
        self, event: type[Event], *, prefetch: int | None = None
    ) -> Callable[[Reaction], Reaction]:
        """Register the reaction; `prefetch` bounds how many run at once in one process."""
        return self._register(event, prefetch=prefetch)

    def on_batch(self, event: type[Event], *, size: int = 200) -> Callable[[Reaction], Reaction]:
        """Register a reaction to lists of facts: one transaction for as many as have arrived.

        It takes `session`, which sees every workspace its facts belong to.
        """
        return self._register(event, batch_size=size)

    def include(self, *others: "Consumers") -> None:
        """Take over the reactions of other capabilities of the same service."""
        for other in others:
            self.subscriptions.extend(other.subscriptions)

    def _register(self, event: type[Event], **bounds: Any) -> Callable[[Reaction], Reaction]:
        def register(reaction: Reaction) -> Reaction:
            name = f"{self.service}.{reaction.__name__}"
            self.subscriptions.append(Subscription(name, event, reaction, **bounds))
            return reaction

        return register
