"""Nothing is left out of `make test`, a failure is seen, and Ctrl-C leaves nothing running."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.lanes import LONGEST_FIRST, TESTS, Job, Lanes, jobs

# Writes its number down, and another word when it was asked to end.
WAITING = """
import os, pathlib, sys, time
file = pathlib.Path(sys.argv[1])
try:
    file.write_text(str(os.getpid()))
    time.sleep(60)
except KeyboardInterrupt:
    file.write_text("cleaned up")
"""


def python(name: str, code: str, *arguments: str) -> Job:
    return Job(name, (sys.executable, "-c", code, *arguments))


def test_every_file_of_tests_is_in_one_job() -> None:
    given = [argument for job in jobs() for argument in job.command if argument.startswith("tests")]
    files = sorted(str(path.relative_to(TESTS.parent)) for path in TESTS.rglob("test_*.py"))
    covering = [[one for one in given if f == one or f.startswith(f"{one}/")] for f in files]
    assert [f for f, jobs_of in zip(files, covering, strict=True) if len(jobs_of) != 1] == []
    assert all((TESTS / name).is_dir() for name in LONGEST_FIRST)


async def test_output_is_whole_and_a_failure_fails(capsys: pytest.CaptureFixture[str]) -> None:
    talk = "import time\nfor n in range(3): print('{0}', n, flush=True); time.sleep(0.05)\n{1}"
    good, bad = talk.format("good", ""), talk.format("bad", "raise SystemExit(3)")
    done = await Lanes([python("one", good), python("two", bad)]).run(2)
    assert {one.name: one.code for one in done} == {"one": 0, "two": 3}
    said = capsys.readouterr().out
    assert "good 0\ngood 1\ngood 2" in said
    assert "bad 0\nbad 1\nbad 2" in said


async def test_a_stopped_run_lets_its_jobs_clean_up(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    running = asyncio.create_task(Lanes([python("long", WAITING, str(file))]).run(1))
    async with asyncio.timeout(20):
        while not (file.exists() and file.read_text()):
            await asyncio.sleep(0.02)
    pid = int(file.read_text())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert file.read_text() == "cleaned up"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
