"""Hands untrusted pictures to a limited child process and takes clean JPEGs back."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("picture_child.py")
MEMORY_MEBIBYTES = 1100
"""Address space; 50 megapixels of WebP need the most, about 850 MiB."""
CPU_SECONDS = 10
DEADLINE_SECONDS = 20.0
MIN_SIDE = 16
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")


class PictureRefused(Exception):
    """`reason`: image_corrupt, image_too_large or image_too_small."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Picture:
    """A clean JPEG: upright, sRGB, without metadata; sizes in pixels."""

    data: bytes = field(repr=False)
    width: int
    height: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


class Pictures:
    """At most `at_once` children, each bounded in memory, CPU and time."""

    def __init__(self, *, max_pixels: int, at_once: int) -> None:
        self._max_pixels = max_pixels
        self._turn = asyncio.Semaphore(at_once)

    async def redraw(
        self,
        data: bytes,
        *,
        formats: tuple[str, ...] = FORMATS,
        max_long_side: int | None = None,
        quality: int = 93,
    ) -> Picture:
        """Decode, turn upright, strip and encode again; raises PictureRefused."""
        job = {
            "formats": formats,
            "max_pixels": self._max_pixels,
            "min_side": MIN_SIDE,
            "max_long_side": max_long_side,
            "quality": quality,
            "memory_mebibytes": MEMORY_MEBIBYTES,
            "cpu_seconds": CPU_SECONDS,
        }
        async with self._turn:
            answer = await _run(json.dumps(job), data)
        head, _, picture = answer.partition(b"\n")
        header: dict[str, Any] = json.loads(head) if head else {"refusal": "image_corrupt"}
        if "refusal" in header:
            raise PictureRefused(header["refusal"])
        return Picture(picture, header["width"], header["height"])


async def _run(job: str, data: bytes) -> bytes:
    """What the child wrote; nothing when it died or had to be killed."""
    process = await asyncio.create_subprocess_exec(
        # Isolated, and without our environment: the child needs no secret.
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
