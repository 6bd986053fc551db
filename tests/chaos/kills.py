"""Which process dies when: decided by the seed alone."""

import asyncio
import random
from dataclasses import dataclass

from local.product import SERVICES
from local.supervisor import Supervisor

PROGRAMS = ("gateway", *SERVICES, "renderer-1")
"""The stand-ins are not ours to kill: they are the outside truth the run is judged by."""


@dataclass(frozen=True)
class Kill:
    """`kill -9` of a program so many seconds after the job began."""

    at_seconds: float
    program: str


def plan_kills(seed: int, count: int, first: float, last: float) -> list[Kill]:
    """Every program once and chance for the rest, spread evenly with some jitter."""
    chance = random.Random(seed)
    programs = [*PROGRAMS, *chance.choices(PROGRAMS, k=count - len(PROGRAMS))]
    chance.shuffle(programs)
    step = (last - first) / count
    times = (first + step * (number + chance.random()) for number in range(count))
    return [Kill(round(at, 2), program) for at, program in zip(times, programs, strict=True)]


async def kill_all(plan: list[Kill], supervisor: Supervisor) -> list[Kill]:
    """Carry the plan out; a program that is just starting again dies as soon as it is there."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    done = []
    for kill in plan:
        await asyncio.sleep(max(0.0, began + kill.at_seconds - loop.time()))
        victim = supervisor.supervised[kill.program]
        async with asyncio.timeout(20):
            while victim.pid is None:
                await asyncio.sleep(0.05)
        victim.kill()
        done.append(Kill(round(loop.time() - began, 2), kill.program))
    return done
