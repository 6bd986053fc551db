"""Fixtures only: one bench for the whole run, faults cleared between tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.billing.bench import Bench, benched
from tests.support.services import ServiceUnderTest


@pytest.fixture(scope="package")
async def running_bench(
    services: ServiceUnderTest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    state = tmp_path_factory.mktemp("billing")
    # The story keeps Fiken's real pace; here it would be most of the time.
    async with benched(services, state, fiken_per_second=200) as bench:
        yield bench


@pytest.fixture
def bench(running_bench: Bench) -> Iterator[Bench]:
    yield running_bench
    running_bench.stripe_stand_in.faults.clear()
    running_bench.fiken_stand_in.faults.clear()
