"""The video service as processes: its application with a worker inside, and renderers to kill."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from chassis.settings import StorageSettings
from local.infrastructure.ports import HOST, Claims
from services.video.settings import Settings

FIRST_PORT = 25_000
ROOT = Path(__file__).parents[2]


def environment_of(settings: Settings, storage: StorageSettings) -> dict[str, str]:
    """What a process of its own must be told to be the same service."""
    told = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "VIDEO_DATABASE_URL": settings.database_url.get_secret_value(),
        "VIDEO_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "VIDEO_CALLER_PUBLIC_KEY": settings.caller_public_key,
        "VIDEO_FAL_KEY": settings.fal_key.get_secret_value(),
        "VIDEO_FAL_QUEUE_URL": settings.fal_queue_url,
        "VIDEO_FAL_JWKS_URL": settings.fal_jwks_url,
        "VIDEO_FAL_MEDIA_HOSTS": json.dumps(settings.fal_media_hosts),
        "VIDEO_WEBHOOK_BASE_URL": settings.webhook_base_url,
        "VIDEO_RENDER_LEASE_SECONDS": str(settings.render_lease_seconds),
        "VIDEO_DATABASE_POOL_SIZE": "3",
        "STORAGE_ENDPOINT_URL": storage.endpoint_url,
        "STORAGE_BUCKET": storage.bucket,
        "STORAGE_ACCESS_KEY": storage.access_key,
        "STORAGE_SECRET_KEY": storage.secret_key.get_secret_value(),
    }
    return told


@dataclass
class Processes:
    """The ones we started, by what they are."""

    environment: dict[str, str]
    folder: Path
    claims: Claims
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, module: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{module}-{len(self.running)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, env=self.environment, stdout=log, stderr=log
        )
        self.running.append(process)
        return process

    async def start_worker(self) -> None:
        """Returns when its consumers are registered: before, nobody would take our notes."""
        port = self.claims.port(FIRST_PORT)
        address = f"http://{HOST}:{port}"
        self.environment["VIDEO_PORT"] = str(port)
        self.start("services.video.worker")
        async with asyncio.timeout(60), httpx.AsyncClient(timeout=3) as web:
            while not await _is_ready(web, address):
                await asyncio.sleep(0.1)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As a machine that loses power would."""
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)


def working_in(folder: Path) -> list[str]:
    """The processes of this machine whose folder lies in this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            place = (process / "cwd").readlink()
        except OSError:
            continue
        if place.is_relative_to(folder):
            found.append(process.name)
    return found


async def _is_ready(web: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await web.get(f"{address}/health/ready")).status_code == 200
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def processes(environment: dict[str, str], folder: Path) -> AsyncIterator[Processes]:
    with Claims() as claims:
        made = Processes(environment, folder, claims)
        try:
            yield made
        finally:
            for process in made.running:
                process.terminate()
            for process in made.running:
                try:
                    await asyncio.to_thread(process.wait, 10)
                except subprocess.TimeoutExpired:
                    made.kill(process)
