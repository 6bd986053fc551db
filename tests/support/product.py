"""The whole product for a test: its own databases, virtual host and state, gone afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local.infrastructure import Servers
from local.infrastructure.brokers import drop_vhost
from local.infrastructure.databases import drop_databases
from local.product import SERVICES, Options
from local.up import Running, product_running

QUICK = {
    # A busy machine of two cores makes small photos, and makes and joins small films, at once.
    "VIDEO_RENDER_HEIGHT": "180",
    "VENDORS_FAL_MAX_SHORT_SIDE": "180",
    "VENDORS_FAL_MAX_LONG_SIDE": "640",
    "BILLING_FIKEN_SYNC_SECONDS": "1",
    # A server of 100 connections is shared with other products and tests.
    **{f"{name.upper()}_DATABASE_POOL_SIZE": "4" for name in SERVICES},
    # The product speaks plain http on this machine.
    "GATEWAY_SECURE_COOKIES": "false",
}


@asynccontextmanager
async def product(
    servers: Servers, prefix: str, folder: Path, extra: dict[str, str]
) -> AsyncIterator[Running]:
    """Ready inside the block; `folder / "services.log"` holds what every process said."""
    folder.mkdir(parents=True, exist_ok=True)
    options = Options(state=folder / "state", prefix=prefix, extra=QUICK | extra)
    try:
        with (folder / "services.log").open("w") as log:

            def say(line: str) -> None:
                print(line, file=log, flush=True)

            async with product_running(options, say, say) as up:
                yield up
    finally:
        await asyncio.to_thread(drop_vhost, servers, prefix)
        await asyncio.to_thread(drop_databases, servers.postgres_url, prefix)
