"""Fixtures of imaging's tests: one running service for all of them."""

from collections.abc import AsyncIterator

import pytest

from chassis.testing import KeyPair
from tests.imaging.bench import Bench, running_bench
from tests.support.services import ServiceUnderTest


@pytest.fixture(scope="package")
async def imaging(
    services: ServiceUnderTest, key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    async with running_bench(services, key_pair, tmp_path_factory.mktemp("vendors")) as bench:
        yield bench


@pytest.fixture(autouse=True)
def _vendors_behave(request: pytest.FixtureRequest) -> None:
    if "imaging" in request.fixturenames:
        bench: Bench = request.getfixturevalue("imaging")
        bench.fal.faults.clear()
