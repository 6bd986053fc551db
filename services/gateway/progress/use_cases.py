"""Verb: follow a workspace's facts from a cursor on, first what was missed, then live."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import structlog

from contracts.caller import Caller
from services.gateway.progress.consumers import LOST, Listener
from services.gateway.progress.repository import reading
from services.gateway.progress.rules import can_see
from services.gateway.progress.streams import Fact, Follower, Streams

log = structlog.get_logger()

BEHIND_SECONDS = 2.0
"""How long we wait for a fact that another replica has already sent."""
READ_BACK_FACTS = 50_000
READ_BACK_SECONDS = 10.0
READS_AT_ONCE = 4
OVERLAP = 200
"""Facts read before the cursor: a fact published twice is known to be one the client has."""

NO_PLACE = -1
"""A cursor we never gave out: the view must be read again."""

HEARTBEAT = b": heartbeat\n\n"


@dataclass(frozen=True)
class Progress:
    """What a live view is made of; `reads` bounds how many read the log at once."""

    streams: Streams
    listener: Listener
    reads: asyncio.Semaphore


async def follow(
    progress: Progress, follower: Follower, after: int | None
) -> AsyncGenerator[list[bytes], None]:
    """Frames, in the log's order, each fact once. Begins with the cursor to resume at."""
    streams = progress.streams
    if after is None:
        position = -1 if follower.opened_at is None else follower.opened_at
        yield [_cursor(position)]
    else:
        missed = await _missed(progress, follower.caller, after)
        if missed is None:
            position = -1 if streams.newest is None else streams.newest
            yield [_cursor(position), _resync(position)]
        else:
            position = max(after, missed[-1].position if missed else after)
            yield [_cursor(after), *(frame_of(fact) for fact in missed)]
    while taken := await follower.take():
        # Of what waited while we read back, only the rest.
        frames = [_frame(fact) for fact in taken if fact is None or fact.position > position]
        if frames:
            yield frames


def frame_of(fact: Fact) -> bytes:
    data = fact.body.replace(b"\n", b"\ndata: ")
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (fact.position, fact.routing_key.encode(), data)


def _frame(fact: Fact | None) -> bytes:
    return HEARTBEAT if fact is None else frame_of(fact)


def _cursor(position: int) -> bytes:
    # An id alone is no event, and is where the browser resumes when nothing else comes.
    return b"retry: 1000\nid: %d\n\n" % position if position >= 0 else b"retry: 1000\n\n"


def _resync(position: int) -> bytes:
    return b"id: %d\nevent: resync\ndata: {}\n\n" % max(position, 0)


async def _missed(progress: Progress, caller: Caller, after: int) -> list[Fact] | None:
    """The caller's facts since then; None when nobody can say: the view must be read again."""
    streams = progress.streams
    if after == NO_PLACE or not await _caught_up(streams, after):
        return None
    recent = streams.recall(caller, after)
    if recent is not None:
        return recent
    try:
        async with progress.reads, asyncio.timeout(READ_BACK_SECONDS):
            return await _read_back(progress, caller, after)
    except LOST as error:
        log.warning("progress.not_read_back", error=type(error).__name__)
        return None


async def _caught_up(streams: Streams, after: int) -> bool:
    for _ in range(int(BEHIND_SECONDS / 0.05)):
        if streams.position is not None and streams.position >= after:
            return True
        await asyncio.sleep(0.05)
    return False


async def _read_back(progress: Progress, caller: Caller, after: int) -> list[Fact] | None:
    connection, until = progress.listener.connection, progress.streams.position or 0
    if connection is None or until - after > READ_BACK_FACTS:
        return None
    seen: set[str] = set()
    found: list[Fact] = []
    done = asyncio.Event()
    begin = max(0, after - OVERLAP)

    async def hear(fact: Fact) -> None:
        is_new = fact.event_id not in seen
        seen.add(fact.event_id)
        mine = fact.workspace_id == str(caller.workspace_id) and can_see(caller, fact.routing_key)
        if is_new and mine and after < fact.position <= until:
            found.append(fact)
        if fact.position >= until:
            done.set()

    async with reading(connection, begin, hear):
        await done.wait()
    return found
