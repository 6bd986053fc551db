"""Simulates films arriving at renderers that KEDA scales: how long owners wait, what it costs."""

import heapq
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["segment", "film"]

CLIPS_PER_FILM = 8
VENDOR_SECONDS = (90.0, 0.35)
"""How long the model takes for a clip: median, and how widely it varies (log-normal)."""
SYNC_SECONDS = 15
"""How often Kubernetes compares what runs with what is wanted."""
START_SECONDS = 12.0
"""From a wanted renderer to one that takes work, its image being on the node."""
DOLLARS_PER_RENDERER_HOUR = 0.08
"""Two processors and 1 GiB, on demand."""


@dataclass(frozen=True)
class Units:
    """Measured seconds of one unit on a renderer with two processors, transfers included."""

    segment: float = 3.9
    film: float = 2.0


@dataclass(frozen=True)
class Scaler:
    """KEDA's numbers: notes per renderer for each queue, and bounds."""

    segments_each: int
    films_each: int
    most: int
    cooldown_seconds: int = 300
    down_window_seconds: int = 120


@dataclass(frozen=True)
class Outcome:
    """Seconds from a film's last clip to its end, dollars per film, and renderers at most."""

    median_seconds: float
    p95_seconds: float
    dollars_per_film: float
    most_renderers: int


@dataclass
class Simulation:
    """One run; events are (time, number, what, film)."""

    units: Units
    scaler: Scaler
    films_per_hour: float
    seconds: float
    chance: random.Random
    now: float = 0.0
    events: list[tuple[float, int, str, int]] = field(default_factory=list)
    waiting: dict[Kind, deque[int]] = field(
        default_factory=lambda: {"segment": deque(), "film": deque()}
    )
    working: dict[Kind, int] = field(default_factory=lambda: {"segment": 0, "film": 0})
    renderers: int = 0
    starting: int = 0
    wished: deque[tuple[float, int]] = field(default_factory=deque)
    busy_until: float = 0.0
    paid_seconds: float = 0.0
    most: int = 0
    left: dict[int, int] = field(default_factory=dict)
    last_clip: dict[int, float] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def run(self) -> Outcome:
        for film, at in enumerate(self._arrivals()):
            self.left[film] = CLIPS_PER_FILM
            for _ in range(CLIPS_PER_FILM):
                self._at(at + self._vendor(), "clip", film)
        self._at(0.0, "sync", 0)
        while self.events and len(self.waits) < len(self.left):
            then, _, what, film = heapq.heappop(self.events)
            self.paid_seconds += (self.renderers + self.starting) * (then - self.now)
            self.now = then
            getattr(self, f"_on_{what}")(film)
            self._give_work()
        ordered = sorted(self.waits)
        return Outcome(
            ordered[len(ordered) // 2],
            ordered[int(len(ordered) * 0.95)],
            self.paid_seconds / 3600 * DOLLARS_PER_RENDERER_HOUR / len(ordered),
            self.most,
        )

    def _arrivals(self) -> Iterator[float]:
        at = self.chance.expovariate(self.films_per_hour / 3600)
        yield at
        while (at := at + self.chance.expovariate(self.films_per_hour / 3600)) < self.seconds:
            yield at

    def _vendor(self) -> float:
        median, spread = VENDOR_SECONDS
        return self.chance.lognormvariate(math.log(median), spread)

    def _at(self, when: float, what: str, film: int) -> None:
        heapq.heappush(self.events, (when, len(self.events) + int(when * 1e6), what, film))

    def _on_clip(self, film: int) -> None:
        self.waiting["segment"].append(film)
        self.last_clip[film] = self.now

    def _on_segment(self, film: int) -> None:
        self.working["segment"] -= 1
        self.left[film] -= 1
        if self.left[film] == 0:
            self.waiting["film"].append(film)

    def _on_film(self, film: int) -> None:
        self.working["film"] -= 1
        self.waits.append(self.now - self.last_clip[film])

    def _on_start(self, _: int) -> None:
        self.starting -= 1
        self.renderers += 1

    def _on_sync(self, _: int) -> None:
        """As the autoscaler does: at most double or four more; a quarter less after a while."""
        self._at(self.now + SYNC_SECONDS, "sync", 0)
        have, wanted = self.renderers + self.starting, self._wanted()
        if wanted:
            self.busy_until = self.now + self.scaler.cooldown_seconds
        elif self.now < self.busy_until:
            wanted = 1
        self.wished.append((self.now, wanted))
        while self.wished[0][0] < self.now - self.scaler.down_window_seconds:
            self.wished.popleft()
        if wanted > have:
            for _ in range(min(wanted - have, max(have, 4))):
                self.starting += 1
                self._at(self.now + START_SECONDS, "start", 0)
        else:
            goal = max(max(wish for _, wish in self.wished), math.floor(have * 15 / 16))
            goal = 0 if wanted == 0 else goal
            idle = self.renderers - sum(self.working.values())
            self.renderers -= max(0, min(idle, have - goal))
        self.most = max(self.most, self.renderers + self.starting)

    def _wanted(self) -> int:
        each: dict[Kind, int] = {
            "segment": self.scaler.segments_each,
            "film": self.scaler.films_each,
        }
        notes = {kind: len(self.waiting[kind]) + self.working[kind] for kind in each}
        return min(self.scaler.most, max(math.ceil(notes[kind] / each[kind]) for kind in each))

    def _give_work(self) -> None:
        """A renderer takes from both queues, films first: somebody waits for them already."""
        while sum(self.working.values()) < self.renderers:
            kind: Kind = "film" if self.waiting["film"] else "segment"
            if not self.waiting[kind]:
                return
            film = self.waiting[kind].popleft()
            self.working[kind] += 1
            mean = self.units.film if kind == "film" else self.units.segment
            self._at(self.now + mean * self.chance.uniform(0.8, 1.3), kind, film)


def simulate(units: Units, scaler: Scaler, films_per_hour: float, seconds: float) -> Outcome:
    """The same arrivals every time; `seconds` of them."""
    return Simulation(units, scaler, films_per_hour, seconds, random.Random(1)).run()


BUSY_FILMS_PER_HOUR = 1000
LONGEST_P95_SECONDS = 20.0
MARGIN = 0.9
"""Of those seconds are planned with: another machine measures other unit times."""
CANDIDATES = (1, 2, 3, 4, 6, 8)


def recommend(units: Units, seconds: float = 1800.0) -> Scaler:
    """Most notes per renderer at which nearly all owners of 1,000 films an hour wait at most 20 s.

    The bound leaves a third of the renderers free at 10,000 films an hour.
    """
    most = bound(units, 10_000)
    good = Scaler(CANDIDATES[0], 1, most)
    for each in CANDIDATES[1:]:
        scaler = Scaler(each, 1, most)
        outcome = simulate(units, scaler, BUSY_FILMS_PER_HOUR, seconds)
        if outcome.p95_seconds > MARGIN * LONGEST_P95_SECONDS:
            break
        good = scaler
    return good


def bound(units: Units, films_per_hour: int) -> int:
    """Renderers for so many films with a third of them free, in tens."""
    busy = films_per_hour / 3600 * (CLIPS_PER_FILM * units.segment + units.film)
    return 10 * math.ceil(busy * 1.5 / 10)
