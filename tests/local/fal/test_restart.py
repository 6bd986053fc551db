"""fal's stand-in killed with `kill -9`: nothing accepted is lost, nothing is done twice."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socket
from typing import Any

import fal_client
import httpx
import pytest

from local.vendors.journal import Journal
from tests.local.serving import free_socket
from tests.support.fal import FILM, KEY, PHOTO, Outside, client_of, outside, room, until

ROOT = Path(__file__).parents[3]
HOST = f"""
import sys, uvicorn
from pathlib import Path
from local.vendors.control import StandIn
from local.vendors.fal.app import FalSettings, create_app
state, port = Path(sys.argv[1]), int(sys.argv[2])
settings = FalSettings({KEY!r}, "user-1", workers=1, max_short_side=180,
                       webhook_delays=(0.2,) * 50)
app = create_app(StandIn("fal", state, f"http://127.0.0.1:{{port}}"), settings)
uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
"""


class Host:
    """fal in a process of its own, always at the same address with the same state."""

    def __init__(self, state: Path, bound: socket, address: str) -> None:
        self.state, self.address = state, address
        self.port = int(bound.getsockname()[1])
        bound.close()

    async def start(self) -> None:
        program = (sys.executable, "-c", HOST, str(self.state), str(self.port))
        self.process = await asyncio.create_subprocess_exec(*program, cwd=ROOT)
        async with asyncio.timeout(20), httpx.AsyncClient(trust_env=False) as http:
            while True:
                try:
                    self.keys = (await http.get(f"{self.address}/.well-known/jwks.json")).json()
                    return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await asyncio.wait_for(self.process.wait(), 10)

    async def misbehave(self, **fault: Any) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            await http.put(f"{self.address}/_faults", json=[fault])

    def entries(self, operation: str) -> list[dict[str, Any]]:
        return Journal(self.state / "journal.jsonl").entries(operation)

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path / "fal", *free_socket())
    await host.start()
    yield host
    await host.kill()


@pytest.fixture
async def world() -> AsyncIterator[Outside]:
    async with outside() as world:
        yield world


@pytest.fixture
def client(host: Host, monkeypatch: pytest.MonkeyPatch) -> fal_client.AsyncClient:
    return client_of(host.address, monkeypatch)


@asynccontextmanager
async def killed(host: Host) -> AsyncIterator[None]:
    await host.kill()
    yield
    await host.start()


def photo_of(world: Outside) -> dict[str, Any]:
    return {"prompt": "x", "image_urls": [world.put("room.png", room(240, 160))]}


async def test_accepted_requests_are_finished_once_after_a_kill(
    host: Host, world: Outside, client: fal_client.AsyncClient
) -> None:
    await host.misbehave(operation="model", kind="delay", seconds=60)
    hook = f"{world.address}/hook"
    handles = [await client.submit(PHOTO, photo_of(world), webhook_url=hook) for _ in range(3)]
    keys = host.keys
    async with killed(host):
        assert not host.entries("completion")
    for handle in handles:
        assert (await handle.get(interval=0.05))["images"]
    await until(lambda: len(world.heard) == 3)
    ids = [handle.request_id for handle in handles]
    assert [entry["request_id"] for entry in host.entries("submit")] == ids
    assert sorted(entry["request_id"] for entry in host.entries("completion")) == sorted(ids)
    assert host.keys == keys


async def test_an_unheard_webhook_is_delivered_after_a_kill(
    host: Host, world: Outside, client: fal_client.AsyncClient
) -> None:
    world.answers.extend([500] * 2)
    handle = await client.submit(PHOTO, photo_of(world), webhook_url=f"{world.address}/hook")
    result = await handle.get(interval=0.05)
    await until(lambda: world.heard)
    async with killed(host):
        world.answers[:] = []
        before = len(world.heard)
    await until(lambda: len(world.heard) > before)
    assert world.told()[-1]["payload"] == result == await handle.get()
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(result["images"][0]["url"])).status_code == 200


async def test_a_kill_between_the_database_and_the_journal_is_repaired(
    host: Host, world: Outside, client: fal_client.AsyncClient
) -> None:
    handle = await client.submit(PHOTO, photo_of(world))
    await handle.get(interval=0.05)
    async with killed(host):
        (host.state / "journal.jsonl").write_text("")
    [submit], [completion] = host.entries("submit"), host.entries("completion")
    assert submit["request_id"] == completion["request_id"] == handle.request_id
    assert completion["cost_usd"] == 0.15


async def test_an_upload_token_outlives_a_kill(host: Host, client: fal_client.AsyncClient) -> None:
    before = await client.upload(b"one", "text/plain", repository="fal_v3", fallback_repository=[])
    async with killed(host):
        pass
    after = await client.upload(b"two", "text/plain", repository="fal_v3", fallback_repository=[])
    async with httpx.AsyncClient(trust_env=False) as http:
        assert [(await http.get(url)).content for url in (before, after)] == [b"one", b"two"]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")
async def test_no_worker_outlives_its_killed_stand_in(
    host: Host, world: Outside, client: fal_client.AsyncClient
) -> None:
    start = world.put("big.png", room(1920, 1080))
    arguments = {"prompt": "pan", "start_image_url": start, "duration": "10"}
    await client.submit(FILM, arguments)
    await until(host.children)
    workers = host.children()
    await host.kill()
    await until(lambda: not [w for w in workers if alive(w)], seconds=5)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False
