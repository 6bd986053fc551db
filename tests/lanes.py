"""`python -m tests.lanes`: the whole suite, two folders side by side, each in its own process.

A process for each folder: it gives its connections back when it ends, and PostgreSQL lets 100 in.
LANES=1 runs one after the other.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parent
LANES = int(os.environ.get("LANES", "2"))
# The longest first, so that no lane is left alone with one at the end. The broker-down story of
# `chassis` mostly waits and leaves the machine to `chaos`, which needs all of it.
LONGEST_FIRST = ("chassis", "chaos", "video", "local", "security", "imaging", "stories", "billing")
# Its plugin costs each process a second, and it is called as a program only.
WITHOUT = ("-p", "no:schemathesis")
STOP_SECONDS = 60.0
PROGRESS_SECONDS = 1.0


@dataclass(frozen=True)
class Job:
    """One command, known by the folder it checks."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Done:
    """How a job ended."""

    name: str
    code: int
    seconds: float
    output: str


class Lanes:
    """Runs jobs side by side and shows each one's output whole when it has ended."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._waiting = list(jobs)
        self._began: dict[str, float] = {}
        self._done: list[Done] = []

    async def run(self, lanes: int) -> list[Done]:
        progress = asyncio.create_task(self._show_progress())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(self._lane())
        finally:
            progress.cancel()
        return self._done

    async def _lane(self) -> None:
        while self._waiting:
            job = self._waiting.pop(0)
            began = self._began[job.name] = time.monotonic()
            code, output = await run_command(job.command)
            del self._began[job.name]
            done = Done(job.name, code, time.monotonic() - began, output)
            self._done.append(done)
            _clear_line()
            print(f"── {_summary(done)}\n{output}", flush=True)

    async def _show_progress(self) -> None:
        while sys.stderr.isatty():
            now = time.monotonic()
            running = ", ".join(f"{name} {now - at:.0f} s" for name, at in self._began.items())
            total = len(self._done) + len(self._began) + len(self._waiting)
            _clear_line()
            print(
                f"{len(self._done)}/{total} done · {running}", end="", file=sys.stderr, flush=True
            )
            await asyncio.sleep(PROGRESS_SECONDS)


async def run_command(command: Sequence[str]) -> tuple[int, str]:
    """Its exit code and output; cancelled, it is asked to end as by Ctrl-C, and waited for."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # A session of its own: Ctrl-C reaches it once and from us, so that it can clean up.
        start_new_session=True,
    )
    talking = asyncio.create_task(process.communicate())
    try:
        output, _ = await asyncio.shield(talking)
    except asyncio.CancelledError:
        await _end(process, talking)
        raise
    return process.returncode or 0, output.decode(errors="replace").rstrip()


async def _end(
    process: asyncio.subprocess.Process, talking: asyncio.Task[tuple[bytes, bytes]]
) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(talking), STOP_SECONDS)
            return


def jobs() -> list[Job]:
    """Every folder of tests, the files beside them, and `make check`."""
    folders = {path.parent.relative_to(TESTS).parts[0] for path in TESTS.glob("*/**/test_*.py")}
    ordered = [name for name in LONGEST_FIRST if name in folders]
    ordered += sorted(folders.difference(LONGEST_FIRST))
    files = [str(path.relative_to(REPOSITORY)) for path in sorted(TESTS.glob("test_*.py"))]
    check = Job("make check", (os.environ.get("MAKE", "make"), "check"))
    heavy = [_pytest(f"tests/{name}", f"tests/{name}") for name in ordered]
    return [*heavy[:2], check, *heavy[2:], _pytest("tests/*.py", *files)]


def _pytest(name: str, *paths: str) -> Job:
    colour = ("--color=yes",) if sys.stdout.isatty() else ()
    return Job(name, (sys.executable, "-m", "pytest", *WITHOUT, *colour, *paths))


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the jobs, and then us."""
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, this.cancel if this is not None else loop.stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def main() -> int:
    began = time.monotonic()
    with _stopped_by_signals():
        done = await Lanes(jobs()).run(LANES)
    _clear_line()
    print(f"── {time.monotonic() - began:.0f} s")
    for one in sorted(done, key=lambda one: one.seconds, reverse=True):
        print(_summary(one))
    failed = [one.name for one in done if one.code != 0]
    print(f"failed: {', '.join(failed)}" if failed else "all passed", flush=True)
    return 1 if failed else 0


def _summary(done: Done) -> str:
    words = "ok" if done.code == 0 else f"FAILED ({done.code})"
    return f"{done.name:<20} {done.seconds:5.0f} s  {words}"


def _clear_line() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except asyncio.CancelledError:
        sys.exit(130)
