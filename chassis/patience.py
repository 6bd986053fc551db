"""What another service's fact must make known first: doors wait a moment for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chassis.errors import Refusal

T = TypeVar("T")

AGAIN_SECONDS = 0.1


async def until_known(
    attempt: Callable[[], Awaitable[T]], seconds: float, *unknown: type[Refusal]
) -> T:
    """Try again while the fact may still be on its way; at last the refusal stands."""
    give_up_at = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await attempt()
        except unknown:
            if asyncio.get_running_loop().time() >= give_up_at:
                raise
        await asyncio.sleep(AGAIN_SECONDS)
