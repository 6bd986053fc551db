"""The product once for all security tests, and the people and things of its workspaces."""

from collections.abc import AsyncIterator

import pytest

from local.infrastructure import Servers
from tests.local.serving import free_socket, served
from tests.security.cast import Cast, gather_cast
from tests.security.studio import HARDLY_WAITING, LIMITS_LIFTED, Studio
from tests.support.openid import OpenIdProvider
from tests.support.product import product


@pytest.fixture(scope="package")
async def openid() -> AsyncIterator[OpenIdProvider]:
    """Who signs people in elsewhere."""
    bound, address = free_socket()
    provider = OpenIdProvider(address)
    async with served(provider.app, bound):
        yield provider


@pytest.fixture(scope="package")
async def studio(
    servers: Servers,
    test_prefix: str,
    tmp_path_factory: pytest.TempPathFactory,
    openid: OpenIdProvider,
) -> AsyncIterator[Studio]:
    folder = tmp_path_factory.mktemp("security")
    extra = (
        LIMITS_LIFTED
        | HARDLY_WAITING
        | {
            "IDENTITY_GOOGLE_CLIENT_ID": openid.client_id,
            "IDENTITY_GOOGLE_CLIENT_SECRET": openid.client_secret,
            "IDENTITY_GOOGLE_ISSUER": openid.address,
        }
    )
    async with product(servers, f"{test_prefix}_security", folder, extra) as up:
        studio = Studio.of(up, folder / "services.log", openid)
        async with studio.http:
            yield studio


@pytest.fixture(scope="package")
async def cast(studio: Studio) -> Cast:
    return await gather_cast(studio)
