"""Moving windows in memory for `limits`, without its clean-up task per call.

The library's own memory storage starts a task and a thread hop per key on every hit, about 100 µs
with few callers and more with many; here a hit costs a few microseconds.
"""

import time
from collections import deque

from limits.aio.storage import MemoryStorage

SWEEP_EVERY_SECONDS = 60.0


class WindowStorage(MemoryStorage):
    """Keeps the times of the accepted calls of each key; exact, since nothing awaits inside."""

    STORAGE_SCHEME = ["async+windows"]  # noqa: RUF012  the library declares it so

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: str) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._accepted: dict[str, tuple[int, deque[float]]] = {}
        self._swept_at = time.time()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        now = time.time()
        self._sweep(now)
        times = self._times(key, expiry, now)
        if len(times) + amount > limit:
            return False
        times.extend([now] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        now = time.time()
        times = self._times(key, expiry, now)
        return (times[0] if times else now), len(times)

    async def clear(self, key: str) -> None:
        self._accepted.pop(key, None)

    async def reset(self) -> int | None:
        count = len(self._accepted)
        self._accepted.clear()
        return count

    def _times(self, key: str, expiry: int, now: float) -> deque[float]:
        _, times = self._accepted.setdefault(key, (expiry, deque()))
        while times and times[0] <= now - expiry:
            times.popleft()
        return times

    def _sweep(self, now: float) -> None:
        if now - self._swept_at < SWEEP_EVERY_SECONDS:
            return
        self._swept_at = now
        kept = self._accepted.items()
        self._accepted = {k: (e, t) for k, (e, t) in kept if t and t[-1] > now - e}
