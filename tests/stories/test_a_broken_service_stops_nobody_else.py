"""One service that hangs, or dies, is one service less; the others go on, and it catches up."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from local.up import Running
from tests.chaos.job import until_ended
from tests.stories.steps import pay_for_a_project, refer, until_earned
from tests.support.client import Client

pytestmark = pytest.mark.timeout(120)
SOON_SECONDS = 12.0


@contextmanager
def hanging(up: Running, *names: str) -> Iterator[None]:
    """These processes accept connections and answer nothing, until the block ends."""
    pids = [pid for name in names if (pid := up.supervisor.supervised[name].pid) is not None]
    assert len(pids) == len(names)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_hanging_services_stop_nobody_and_catch_up(up: Running, client: Client) -> None:
    async with Client(up.product.addresses["gateway"]) as affiliate:
        await refer(up, client, affiliate)
        with hanging(up, "affiliate", "video", "renderer-1"):
            async with asyncio.timeout(30):
                project_id = await pay_for_a_project(client)
                done = await until_ended(client, f"/v1/projects/{project_id}")
            assert done["status"] == "completed"
            async with asyncio.timeout(SOON_SECONDS):
                answer = await client.http.get("/v1/videos")
            assert answer.status_code in (503, 504)
            assert answer.headers["content-type"] == "application/problem+json"
            assert (await client.http.get("/v1/projects")).status_code == 200
        assert await until_earned(affiliate, 1) == [1_980]
    assert (await client.get("/v1/videos"))["items"] == []


@pytest.mark.parametrize("name", ["identity", "imaging", "video", "billing", "affiliate"])
async def test_dead_service_takes_nobody_with_it_and_comes_back(
    up: Running, client: Client, name: str
) -> None:
    await client.sign_up("agent")
    paths = {
        "identity": "/v1/workspace",
        "imaging": "/v1/projects",
        "video": "/v1/videos",
        "billing": "/v1/payments",
        "affiliate": "/v1/affiliate/earnings",
    }
    # The gateway asks identity once, so even without it who is known gets on.
    await client.get("/v1/projects")
    up.supervisor.supervised[name].kill()
    others = {other: path for other, path in paths.items() if other != name}
    for other, path in others.items():
        assert (await client.http.get(path)).status_code < 500, other
    await client.get(paths[name])
    assert up.supervisor.supervised[name].restarts > 0


async def test_gateway_says_which_service_is_away_in_the_usual_form(
    up: Running, client: Client
) -> None:
    await client.sign_up("agent")
    up.supervisor.supervised["billing"].kill()
    answer: httpx.Response = await client.http.get("/v1/pricing")
    assert answer.status_code in (502, 503)
    assert answer.json()["code"]
    assert await client.get("/v1/pricing")
