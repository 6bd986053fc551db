"""The product once for all stories, and the main job done once in it."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.demo.journey import Journey, Outcome
from local.demo.photos import find_photos
from local.demo.report import summary_of
from local.demo.screen import Screen
from local.infrastructure import Servers
from local.up import Running
from tests.chaos.world import World, world_of
from tests.stories import photos
from tests.support.client import Client
from tests.support.product import product

IMPATIENT = {
    # A service that hangs is noticed after this; a message is given up after the second failure.
    "GATEWAY_READ_TIMEOUT_SECONDS": "6",
    "AFFILIATE_RETRY_DELAYS_SECONDS": "[0.2, 0.3]",
}


@dataclass(frozen=True)
class MainJob:
    """What the demo's journey brought, and where its files lie."""

    outcome: Outcome
    summary: dict[str, Any]
    folder: Path


@pytest.fixture(scope="package")
async def stage(
    servers: Servers, test_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Running, World]]:
    folder = tmp_path_factory.mktemp("stories")
    async with (
        product(servers, f"{test_prefix}_story", folder, IMPATIENT) as up,
        world_of(up) as world,
    ):
        yield up, world


@pytest.fixture(scope="package")
def up(stage: tuple[Running, World]) -> Running:
    return stage[0]


@pytest.fixture(scope="package")
def world(stage: tuple[Running, World]) -> World:
    return stage[1]


@pytest.fixture(scope="package")
async def main_job(up: Running, tmp_path_factory: pytest.TempPathFactory) -> MainJob:
    """Photos to film, two cards, one invoice and an affiliate, through the gateway."""
    folder = tmp_path_factory.mktemp("main-job")
    photos.fill(folder / "photos")
    began = time.monotonic()
    journey = Journey(
        up.product.addresses,
        up.product.administrator_password,
        find_photos(folder / "photos"),
        folder,
        Screen(),
    )
    outcome = await journey.run()
    return MainJob(outcome, summary_of(outcome, time.monotonic() - began), folder)


@pytest.fixture
async def client(up: Running) -> AsyncIterator[Client]:
    """Somebody new, not signed up yet."""
    async with Client(up.product.addresses["gateway"]) as client:
        yield client
