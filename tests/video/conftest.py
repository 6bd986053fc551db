"""Fixtures of the video service's tests: one running service for all of them."""

from collections.abc import AsyncIterator

import pytest

from chassis.testing import KeyPair
from services.video.media.program import Program, find_program
from tests.support.services import ServiceUnderTest
from tests.video.bench import Bench, running_bench


@pytest.fixture(scope="package")
async def video(
    services: ServiceUnderTest, key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Bench]:
    folder = tmp_path_factory.mktemp("video-vendors")
    async with running_bench(services, key_pair, folder) as bench:
        yield bench


@pytest.fixture(autouse=True)
def _vendors_behave(request: pytest.FixtureRequest) -> None:
    if "video" in request.fixturenames:
        bench: Bench = request.getfixturevalue("video")
        bench.fal.faults.clear()


@pytest.fixture(scope="session")
def program() -> Program:
    return find_program("ffmpeg", 60)
