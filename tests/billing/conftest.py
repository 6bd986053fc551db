"""Fixtures only: one bench for the whole run, faults cleared between tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.billing.bench import Bench, benched
from tests.support.services import ServiceUnderTest


@pytest.fixture(scope="session")
async def running_bench(
    services: ServiceUnderTest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    async with benched(services, tmp_path_factory.mktemp("billing")) as bench:
        yield bench


@pytest.fixture
def bench(running_bench: Bench) -> Iterator[Bench]:
    yield running_bench
    running_bench.stripe_stand_in.faults.clear()
    running_bench.fiken_stand_in.faults.clear()
