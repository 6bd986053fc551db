"""The open event streams of this replica, and the recent facts they may resume from.

A fact's place in the event log is its id on the stream: the same in every replica, so a client may
resume anywhere.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.caller import Caller
from services.gateway.errors import TooManyStreams
from services.gateway.headers import Headers
from services.gateway.progress.rules import can_see

RECENT = 10_000
"""Facts of all workspaces kept in memory, about 1 KB each; older ones are read from the log."""
WAITING = 1000
"""Facts a slow reader may fall behind before its stream is closed (it resumes by id)."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One public fact as the log holds it."""

    position: int
    event_id: str
    routing_key: str
    workspace_id: str
    body: bytes


class Follower:
    """One open stream: the facts waiting for it, until it ends."""

    __slots__ = ("_ended", "_waiting", "_woken", "caller", "opened_at")

    def __init__(self, caller: Caller, opened_at: int | None) -> None:
        self.caller = caller
        self.opened_at = opened_at
        self._waiting: deque[Fact | None] = deque()
        self._woken = asyncio.Event()
        self._ended = False

    def push(self, fact: Fact | None) -> None:
        """Hand over a fact, or None for a heartbeat."""
        if len(self._waiting) >= WAITING:
            self.end()
        if not self._ended:
            self._waiting.append(fact)
            self._woken.set()

    def end(self) -> None:
        """Nothing that still waits is sent: whoever may resumes by id."""
        self._ended = True
        self._waiting.clear()
        self._woken.set()

    async def take(self) -> list[Fact | None]:
        """What has come, at least one; empty when the stream is over."""
        await self._woken.wait()
        self._woken.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        if self._ended:
            self._woken.set()
        return taken


class Streams:
    """Fans facts out to the streams of the workspace they belong to."""

    def __init__(self, per_workspace: int) -> None:
        self._per_workspace = per_workspace
        self._followers: defaultdict[str, set[Follower]] = defaultdict(set)
        self._recent: deque[Fact] = deque()
        self._recent_ids: set[str] = set()
        self._complete_after = 0
        self.position: int | None = None
        """Of the newest fact heard; None until the log has been heard at all."""
        self.newest: int | None = None
        """Of the newest fact there is: a replica that just began has not heard it yet."""

    def cursor_header(self) -> Headers:
        """Where a view that reads now may start to follow events."""
        return [] if self.newest is None else [(b"last-event-id", b"%d" % self.newest)]

    def push(self, fact: Fact) -> None:
        """Remember a fact and hand it to every open stream of its workspace."""
        if self.position is None:
            self._complete_after = fact.position - 1
        elif fact.position <= self.position:
            return
        self.position = fact.position
        self.newest = max(fact.position, self.newest or 0)
        # A relay that died before it marked its batch publishes it again.
        if fact.event_id in self._recent_ids:
            return
        self._remember(fact)
        for follower in self._followers.get(fact.workspace_id, ()):
            if can_see(follower.caller, fact.routing_key):
                follower.push(fact)

    def recall(self, caller: Caller, after: int) -> list[Fact] | None:
        """The caller's facts after a position; None when that is longer ago than we remember."""
        if self.position is None or after < self._complete_after:
            return None
        workspace_id, found = str(caller.workspace_id), []
        for fact in reversed(self._recent):
            if fact.position <= after:
                break
            if fact.workspace_id == workspace_id and can_see(caller, fact.routing_key):
                found.append(fact)
        return found[::-1]

    @contextmanager
    def following(self, caller: Caller) -> Iterator[Follower]:
        """An open stream from now on; raises TooManyStreams."""
        workspace_id = str(caller.workspace_id)
        followers = self._followers[workspace_id]
        if len(followers) >= self._per_workspace:
            raise TooManyStreams
        follower = Follower(caller, self.newest)
        followers.add(follower)
        try:
            yield follower
        finally:
            followers.discard(follower)
            if not followers:
                self._followers.pop(workspace_id, None)

    def end(self, is_over: Callable[[Caller], bool]) -> None:
        for follower in self._everybody():
            if is_over(follower.caller):
                follower.end()

    def beat(self) -> None:
        """A heartbeat on every stream."""
        for follower in self._everybody():
            follower.push(None)

    def begin_anew(self) -> None:
        """The log was lost and starts from the beginning: nothing we remember has a place in it."""
        self.position = self.newest = None
        self._recent.clear()
        self._recent_ids.clear()
        self.end(lambda _: True)

    def _remember(self, fact: Fact) -> None:
        self._recent.append(fact)
        self._recent_ids.add(fact.event_id)
        while len(self._recent) > RECENT:
            oldest = self._recent.popleft()
            self._recent_ids.discard(oldest.event_id)
            self._complete_after = oldest.position

    def _everybody(self) -> list[Follower]:
        return [follower for some in self._followers.values() for follower in some]
