"""A few child processes that run models: niced, bounded in number and time, killable."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
DEADLINE_SECONDS = 120.0
MOST_PIXELS = 64_000_000


class WorkerDied(Exception):
    """The child ended, was killed or hung; the job may run again."""


class Worker:
    """One child process, started when first needed and again after it died."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """`outputs` or `detail`, as the child answers; raises WorkerDied."""
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await _start()
        assert process.stdin  # noqa: S101
        assert process.stdout  # noqa: S101
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            await process.stdin.drain()
            line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_SECONDS)
        except (ConnectionError, TimeoutError) as error:
            await self.kill()
            raise WorkerDied(type(error).__name__) from error
        except asyncio.CancelledError:
            await self.kill()
            raise
        answer: dict[str, Any] = json.loads(line) if line else {"crash": "the child ended"}
        if "crash" in answer:
            raise WorkerDied(answer["crash"])
        return answer

    async def kill(self) -> None:
        """End the child and the FFmpeg it may have started."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)


async def _start() -> asyncio.subprocess.Process:
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "OPENCV_IO_MAX_IMAGE_PIXELS": str(MOST_PIXELS),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.vendors.fal.models"),
        cwd=ROOT,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=1 << 20,
    )
