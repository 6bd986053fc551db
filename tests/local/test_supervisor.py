"""The supervisor starts again what dies, whoever still holds its output."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from local.product import Program
from local.supervisor import Supervised, running

SECONDS = 20.0
PARENT = """
import os, subprocess, sys
heir = subprocess.Popen(["sleep", "300"], start_new_session={escapes})
print(os.getpid(), heir.pid, flush=True)
{then}
"""


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not check():
            await asyncio.sleep(0.05)


def program(*, escapes: bool, then: str) -> Program:
    return Program("parent", ("-c", PARENT.format(escapes=escapes, then=then)), {}, None)


def pids(lines: list[str]) -> list[tuple[int, int]]:
    """(program, its child) of each start, read from what it printed."""
    words = [line.split()[1:] for line in lines]
    return [(int(one[0]), int(one[1])) for one in words if len(one) == 2 and one[0].isdigit()]


def is_alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


async def until_gone(pid: int) -> None:
    await until(lambda: not is_alive(pid))


@pytest.mark.parametrize("escapes", [False, True], ids=["in its group", "in a session of its own"])
async def test_child_that_holds_the_output_does_not_hold_up_the_restart(escapes: bool) -> None:
    lines: list[str] = []
    async with running([program(escapes=escapes, then="")], lines.append) as supervisor:
        await until(lambda: supervisor.supervised["parent"].restarts >= 2)
    started = pids(lines)
    assert len(started) >= 2
    assert any("ended with 0, starting again" in line for line in lines)
    for _, heir in started:
        if escapes:
            os.kill(heir, signal.SIGKILL)
        await until_gone(heir)


async def test_stop_ends_the_program_and_its_children() -> None:
    lines: list[str] = []
    waiting = program(escapes=False, then="import time; time.sleep(300)")
    one = Supervised(waiting, 0, lines.append)
    await until(lambda: pids(lines))
    began = asyncio.get_running_loop().time()
    await one.stop()
    assert asyncio.get_running_loop().time() - began < SECONDS / 2
    assert one.pid is None
    for pid in pids(lines)[0]:
        await until_gone(pid)


async def test_killed_program_comes_back() -> None:
    lines: list[str] = []
    waiting = program(escapes=False, then="import time; time.sleep(300)")
    async with running([waiting], lines.append) as supervisor:
        await until(lambda: pids(lines))
        supervisor.supervised["parent"].kill()
        await until(lambda: len(pids(lines)) == 2)
    assert any("ended with -9, starting again" in line for line in lines)
