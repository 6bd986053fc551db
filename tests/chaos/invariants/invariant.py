"""What an invariant is: an id, a sentence, and a question whose answer should be empty."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from local.product import SERVICES
from tests.chaos.world import World

Check = Callable[[World], Awaitable[list[str]]]


@dataclass(frozen=True)
class Invariant:
    """`check` answers with what breaks the sentence; ids follow reliability.md."""

    id: str
    sentence: str
    check: Check


def rows(id_: str, service: str, sentence: str, query: str) -> Invariant:
    """Holds when the query finds nothing; its first column names the offender."""

    async def check(world: World) -> list[str]:
        return await world.column(service, query)

    return Invariant(id_, sentence, check)


def everywhere(id_: str, sentence: str, query: str) -> Invariant:
    """The same query in every service's database."""

    async def check(world: World) -> list[str]:
        return [
            f"{service} {found}"
            for service in SERVICES
            for found in await world.column(service, query)
        ]

    return Invariant(id_, sentence, check)


def seen(id_: str, sentence: str) -> Callable[[Check], Invariant]:
    """For what one database alone cannot tell."""

    def make(check: Check) -> Invariant:
        return Invariant(id_, sentence, check)

    return make
