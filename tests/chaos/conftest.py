"""One T0 run for all tests of this folder; `--seed N` or CHAOS_SEED=N repeats its schedule."""

import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.infrastructure import Servers
from tests.chaos.tier0 import SOON, Run, run_tier0
from tests.chaos.world import World, world_of
from tests.support.product import product


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="repeat the schedule of a chaos run")


@pytest.fixture(scope="package")
def seed(request: pytest.FixtureRequest) -> int:
    chosen = request.config.getoption("--seed", None) or os.environ.get("CHAOS_SEED")
    return int(chosen) if chosen else secrets.randbelow(10_000) + 1


@pytest.fixture(scope="package")
async def after_chaos(
    request: pytest.FixtureRequest,
    servers: Servers,
    test_prefix: str,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
) -> AsyncIterator[tuple[World, Run]]:
    """The product at rest after ten kills, and what happened to it."""
    plugins = request.config.pluginmanager
    reporter, capture = (
        plugins.get_plugin(name) for name in ("terminalreporter", "capturemanager")
    )
    folder: Path = tmp_path_factory.mktemp("chaos")

    def tell(line: str) -> None:
        # A seed that only a failed run shows is no use to who wonders why a good run was slow.
        if reporter is not None and capture is not None:
            with capture.global_and_fixture_disabled():
                reporter.write_line(line)

    tell(f"\nchaos T0: pytest tests/chaos --seed {seed}; log {folder / 'services.log'}")
    async with product(servers, f"{test_prefix}_chaos", folder, SOON) as up, world_of(up) as world:
        run = await run_tier0(up, world, seed, tell)
        yield world, run


@pytest.fixture(scope="package")
def world(after_chaos: tuple[World, Run]) -> World:
    return after_chaos[0]


@pytest.fixture(scope="package")
def run(after_chaos: tuple[World, Run]) -> Run:
    return after_chaos[1]
