"""Keeps programs running: starts them, shows their logs in colour, restarts those that die."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import httpx

from local.infrastructure.place import REPOSITORY
from local.product import Program

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
STOP_SECONDS = 8.0
READY_SECONDS = 60.0
RESTART_SECONDS = 0.5
LAST_WORDS_SECONDS = 0.5
MAX_LINE_BYTES = 1024 * 1024

Say = Callable[[str], None]


class NotReady(Exception):
    """A program did not come up in time; the message names it."""


class Supervised:
    """One program: alive until `stop`, whatever kills it in between."""

    def __init__(self, program: Program, colour: int, say: Say) -> None:
        self.program = program
        self.restarts = -1
        self._colour = colour
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._showing: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._keep_running())

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def kill(self) -> None:
        """`kill -9`, as a test's disaster; it comes back by itself."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(_ended(self._process), STOP_SECONDS)
        await self._clear_away()

    async def _keep_running(self) -> None:
        while True:
            self.restarts += 1
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.program.arguments,
                cwd=REPOSITORY,
                env={**os.environ, **self.program.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                limit=MAX_LINE_BYTES,
            )
            self._showing = asyncio.create_task(self._show(self._process))
            code = await _ended(self._process)
            await self._clear_away()
            self._line(f"ended with {code}, starting again")
            await asyncio.sleep(RESTART_SECONDS)

    async def _clear_away(self) -> None:
        """End what the program leaves behind; who escaped its group may go on, and is not heard."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._showing is not None:
            await asyncio.wait([self._showing], timeout=LAST_WORDS_SECONDS)
            self._showing.cancel()

    async def _show(self, process: asyncio.subprocess.Process) -> None:
        while process.stdout is not None and (line := await process.stdout.readline()):
            self._line(line.decode(errors="replace").rstrip())

    def _line(self, text: str) -> None:
        name = f"{self.program.name:<10}"
        if sys.stderr.isatty():
            name = f"\x1b[{self._colour}m{name}\x1b[0m"
        self._say(f"{name} {text}")


async def _ended(process: asyncio.subprocess.Process) -> int:
    """Its exit code."""
    # Polling: asyncio's own `wait` also waits for whoever has inherited the output.
    while process.returncode is None:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return process.returncode


class Supervisor:
    """Every program of the product, by name."""

    def __init__(self, programs: Sequence[Program], say: Say) -> None:
        self.supervised = {
            program.name: Supervised(program, COLOURS[index % len(COLOURS)], say)
            for index, program in enumerate(programs)
        }

    async def until_ready(self, tell: Callable[[str], None] = lambda _: None) -> None:
        """Return when every program with an address is ready; raises NotReady."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            waiting = [s.program for s in self.supervised.values() if s.program.ready_url]
            await asyncio.gather(*(_until_ready(client, program, tell) for program in waiting))

    async def stop(self) -> None:
        # The gateway first, so that nobody enters a house that is being emptied.
        last_first = list(self.supervised.values())[::-1]
        await asyncio.gather(*(one.stop() for one in last_first))


async def _until_ready(
    client: httpx.AsyncClient, program: Program, tell: Callable[[str], None]
) -> None:
    try:
        async with asyncio.timeout(READY_SECONDS):
            # Polling: it is another process that gets ready.
            while not await _is_ready(client, program.ready_url or ""):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise NotReady(f"{program.name} is not ready after {READY_SECONDS:.0f} s") from None
    tell(program.name)


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def running(programs: Sequence[Program], say: Say) -> AsyncIterator[Supervisor]:
    """The programs, supervised until the block ends; their processes end with it."""
    supervisor = Supervisor(programs, say)
    try:
        yield supervisor
    finally:
        await supervisor.stop()
