"""The product once for all security tests, and the people and things of its workspaces."""

from collections.abc import AsyncIterator

import pytest

from local.infrastructure import Servers
from tests.security.cast import Cast, gather_cast
from tests.security.studio import LIMITS_LIFTED, Studio
from tests.support.product import product


@pytest.fixture(scope="package")
async def studio(
    servers: Servers, test_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Studio]:
    folder = tmp_path_factory.mktemp("security")
    async with product(servers, f"{test_prefix}_security", folder, LIMITS_LIFTED) as up:
        studio = Studio.of(up, folder / "services.log")
        async with studio.http:
            yield studio


@pytest.fixture(scope="package")
async def cast(studio: Studio) -> Cast:
    return await gather_cast(studio)
