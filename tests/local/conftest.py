"""Fixtures only: the storage stand-in and clients for it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from local.vendors.server import RunningVendors, VendorsSettings, start_vendors
from tests.local.storage_clients import ACCESS, SECRET, client


@pytest.fixture(scope="module")
async def storage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningVendors]:
    settings = VendorsSettings(
        names=["s3"],
        state=tmp_path_factory.mktemp("vendors"),
        s3_access_key=ACCESS,
        s3_secret_key=SECRET,
    )
    running = await start_vendors(settings)
    yield running
    await running.stop()


@pytest.fixture(scope="module")
def address(storage: RunningVendors) -> str:
    return storage.addresses["s3"]


@pytest.fixture(scope="module")
async def s3(address: str) -> AsyncIterator[Any]:
    async with client(address) as made:
        yield made


@pytest.fixture(scope="module")
async def web() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=10) as made:
        yield made
