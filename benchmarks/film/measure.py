"""Runs one contender as a process and tells what it took."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.03
"""The kernel's own maximum will not do: it holds what a child inherited before it began."""
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
LONGEST_SECONDS = 1800


class ContenderFailed(Exception):
    """It ended badly; the text is the end of what it said."""


@dataclass(frozen=True)
class Taken:
    """Wall and CPU seconds, and the most memory all its processes had at once, in MB."""

    wall: float
    cpu: float
    peak_mb: float
    said: str = ""


def run(argv: Sequence[str], folder: Path) -> Taken:
    """Raises ContenderFailed."""
    log = folder / "contender.log"
    with log.open("wb") as file:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        peak = _Peak(process.pid)
        peak.start()
        timer = threading.Timer(LONGEST_SECONDS, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        timer.cancel()
        peak.ends.set()
        process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text(errors="replace")
    if process.returncode:
        raise ContenderFailed(said[-1500:])
    return Taken(wall, usage.ru_utime + usage.ru_stime, peak.most_mb, said)


class Neighbours:
    """What else ran on the machine since this was made: times measured beside it are longer."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.perf_counter(), _busy_seconds(), _own_seconds()

    def processors(self) -> float:
        """How many processors others kept busy, on average; wait for your children first."""
        others = _busy_seconds() - self._busy - (_own_seconds() - self._own)
        return max(0.0, others / (time.perf_counter() - self._began))


def _busy_seconds() -> float:
    """Of all processors together; neither idle nor waiting for a disk."""
    first = Path("/proc/stat").read_text().splitlines()[0]
    user, nice, system, _, _, *others = (int(ticks) for ticks in first.split()[1:9])
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    every = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in every)


class _Peak(threading.Thread):
    """Watches the memory of a process and of all below it."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.most_mb, self.ends = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self.ends.wait(SAMPLE_SECONDS):
            self.most_mb = max(self.most_mb, _memory_mb(self.pid))


def _memory_mb(pid: int, parent: bytes = b"") -> float:
    """A page that several processes share counts once: FFmpeg's own program, above all."""
    try:
        name = Path(f"/proc/{pid}/cmdline").read_bytes()
        if name == parent:
            return 0.0  # Between fork and exec it shows its parent's memory as its own.
        own = _proportional_mb(pid)
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        below = [child for task in tasks for child in (task / "children").read_text().split()]
    except (OSError, IndexError):
        return 0.0
    return own + sum(_memory_mb(int(child), name) for child in below)


def _proportional_mb(pid: int) -> float:
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except PermissionError:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MB
    return int(told.split("\nPss:")[1].split()[0]) * 1024 / 1e6
