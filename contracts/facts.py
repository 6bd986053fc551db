"""Every public fact of the product, by its name on the wire."""

import inspect
from types import ModuleType

from contracts import affiliate, billing, identity, imaging, video
from contracts.event import Event, PrivateEvent

PUBLISHERS: tuple[ModuleType, ...] = (identity, imaging, video, billing, affiliate)


def publisher_of(event: type[Event]) -> str:
    """The service whose module defines the fact, e.g. `billing`."""
    return event.__module__.removeprefix("contracts.")


def _facts_of(module: ModuleType) -> list[type[Event]]:
    return [
        member
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, Event)
        and not issubclass(member, PrivateEvent)
        and member.__module__ == module.__name__
    ]


FACTS: dict[str, type[Event]] = {
    fact.routing_key: fact for module in PUBLISHERS for fact in _facts_of(module)
}
