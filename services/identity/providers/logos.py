"""Hands an untrusted logo to a limited child process and takes a clean PNG back."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("logo_child.py")
MEMORY_MEBIBYTES = 600
CPU_SECONDS = 5
DEADLINE_SECONDS = 10.0
MAX_SIDE = 1024
"""Pixels on the long side of what is kept."""


class LogoBroken(Exception):
    """`reason`: not_a_picture or too_many_pixels."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Logo:
    """A clean PNG without metadata; sizes in pixels."""

    data: bytes = field(repr=False)
    width: int
    height: int


class Logos:
    """One child at a time, bounded in memory, CPU and time, with nothing of our environment."""

    def __init__(self, *, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._turn = asyncio.Semaphore(1)

    async def redraw(self, data: bytes) -> Logo:
        """Decode PNG, JPEG or WebP, strip everything and encode again; raises LogoBroken."""
        job = {
            "max_pixels": self._max_pixels,
            "max_side": MAX_SIDE,
            "memory_mebibytes": MEMORY_MEBIBYTES,
            "cpu_seconds": CPU_SECONDS,
        }
        async with self._turn:
            answer = await _run(json.dumps(job), data)
        head, _, picture = answer.partition(b"\n")
        header: dict[str, Any] = json.loads(head) if head else {"reason": "not_a_picture"}
        if "reason" in header:
            raise LogoBroken(header["reason"])
        return Logo(picture, header["width"], header["height"])


async def _run(job: str, data: bytes) -> bytes:
    """What the child wrote; nothing when it died or had to be killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(CHILD), job),
        env={"PATH": os.environ.get("PATH", "")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        answer, _ = await asyncio.wait_for(process.communicate(data), DEADLINE_SECONDS)
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return answer if process.returncode == 0 else b""
