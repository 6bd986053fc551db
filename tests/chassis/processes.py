"""Starts the sample service's worker process for a test, and reads what it says."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from local.infrastructure import ports
from tests.chassis.bench import Bench, until

FIRST_PORT = 24_000


@dataclass
class WorkerProcess:
    """A running worker: its probes' address, its output, its end."""

    process: asyncio.subprocess.Process
    address: str

    async def is_ready(self) -> bool:
        async with httpx.AsyncClient(timeout=5) as client:
            try:
                return (await client.get(f"{self.address}/health/ready")).status_code == 200
            except httpx.TransportError:
                return False

    async def begun(self) -> None:
        """Wait until a reaction has begun."""
        assert self.process.stdout is not None
        assert await asyncio.wait_for(self.process.stdout.readline(), 30) == b"begun\n"

    async def ended(self) -> tuple[int, str]:
        """Its exit code and everything it logged."""
        _, errors = await asyncio.wait_for(self.process.communicate(), 40)
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


@asynccontextmanager
async def worker_process(bench: Bench, **settings: object) -> AsyncIterator[WorkerProcess]:
    """The worker of this bench in a process of its own; killed at the end if it still lives."""
    claims = ports.Claims()
    port = claims.port(FIRST_PORT)
    values = {
        **bench.settings.model_dump(include={"service", "caller_public_key"}),
        "database_url": bench.settings.database_url.get_secret_value(),
        "rabbitmq_url": bench.url,
        "retry_delays_seconds": "[]",
        "port": port,
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chassis.worker_process",
        env={**os.environ, **{f"SAMPLE_{name.upper()}": str(v) for name, v in values.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield WorkerProcess(process, f"http://127.0.0.1:{port}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        claims.release()


@asynccontextmanager
async def ready_process(bench: Bench, **settings: object) -> AsyncIterator[WorkerProcess]:
    async with worker_process(bench, **settings) as running:
        await until(running.is_ready, 60)
        yield running
