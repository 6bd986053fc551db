"""Runs FFmpeg as a limited child: argv, own folder, no network, bounded memory, CPU and time."""

import asyncio
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ffmpeg
import structlog

log = structlog.get_logger()

MEMORY_BYTES = 1536 * 1024 * 1024
CPU_SECONDS = 240
FILE_BYTES = 1024 * 1024 * 1024
OPEN_FILES = 64
COMPLAINT_BYTES = 64 * 1024
SAFE_INPUT = {"protocol_whitelist": "file,pipe"}
ALONE = ("unshare", "--user", "--net", "--map-current-user", "--")
"""Runs what follows without a network, where the machine allows it."""
WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
"""Ends what follows when we are killed ourselves; behind ALONE, which would make it forget."""

Progress = Callable[[float], None]
"""Told how many seconds of output are done."""


class RenderFailed(Exception):
    """FFmpeg refused its input or ended badly; the text is its last complaint."""


class RenderTimeout(Exception):
    """The deadline passed; every process of the group is gone."""


@dataclass(frozen=True)
class Program:
    """FFmpeg on this machine and the wall-clock seconds one run may take."""

    path: str
    deadline_seconds: float = 180.0

    async def run(
        self, graph: "ffmpeg.nodes.OutputStream", folder: Path, progress: Progress | None = None
    ) -> str:
        """Run the graph in `folder`; answers what FFmpeg logged.

        Raises RenderFailed or RenderTimeout. However it ends, no process is left behind.
        """
        argv = ffmpeg.compile(
            graph.global_args("-hide_banner", "-nostdin", "-progress", "pipe:1", "-nostats"),
            cmd=self.path,
            overwrite_output=True,
        )
        child = await asyncio.create_subprocess_exec(
            *_prefix(),
            *argv,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "TMPDIR": str(folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _limit(child.pid)
            async with asyncio.timeout(self.deadline_seconds):
                complaint, _ = await asyncio.gather(_tail(child), _follow(child, progress))
                status = await child.wait()
        except TimeoutError as error:
            raise RenderTimeout(f"no end after {self.deadline_seconds:g} s") from error
        finally:
            await _end(child)
        if status != 0:
            raise RenderFailed(complaint[-600:] or f"FFmpeg ended with {status}")
        return complaint


def find_program(name: str, deadline_seconds: float) -> Program:
    """The named FFmpeg when it is there, else the one a Python package carries."""
    found = shutil.which(name)
    if found is None:
        import imageio_ffmpeg

        found = str(imageio_ffmpeg.get_ffmpeg_exe())
    return Program(found, deadline_seconds)


@cache
def _prefix() -> tuple[str, ...]:
    """Tried once: containers may forbid namespaces, and then the pod's network policy holds."""
    prefix: tuple[str, ...] = ()
    for one, lacking in ((ALONE, "network_not_cut"), (WITH_US, "children_may_survive")):
        if _works((*prefix, *one, "true")):
            prefix += one
        else:
            log.warning(f"renderer.{lacking}")
    return prefix


def _works(argv: tuple[str, ...]) -> bool:
    try:
        tried = subprocess.run(argv, capture_output=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


def _limit(pid: int) -> None:
    """Not NPROC: it counts every process of the user, ours and others'."""
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    with suppress(ProcessLookupError):
        for limit, most in limits.items():
            resource.prlimit(pid, limit, (most, most))


async def _tail(child: asyncio.subprocess.Process) -> str:
    assert child.stderr is not None  # noqa: S101
    kept = b""
    while piece := await child.stderr.read(8192):
        kept = (kept + piece)[-COMPLAINT_BYTES:]
    return kept.decode(errors="replace")


async def _follow(child: asyncio.subprocess.Process, progress: Progress | None) -> None:
    assert child.stdout is not None  # noqa: S101
    async for line in child.stdout:
        name, _, value = line.decode(errors="replace").strip().partition("=")
        if name == "out_time_us" and value.lstrip("-").isdigit() and progress is not None:
            progress(max(0, int(value)) / 1_000_000)


async def _end(child: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    await child.wait()
