"""Fixtures only: the stand-in, what lies around it, and fal's own client on it."""

from collections.abc import AsyncIterator

import fal_client
import pytest

from local.vendors.control import StandIn
from tests.support.fal import Outside, client_of, fal, outside


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[Outside]:
    async with outside() as world:
        yield world


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StandIn]:
    async with fal(tmp_path_factory.mktemp("fal")) as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(running: StandIn) -> StandIn:
    running.faults.clear()
    return running


@pytest.fixture
def client(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> fal_client.AsyncClient:
    return client_of(stand_in.address, monkeypatch)
