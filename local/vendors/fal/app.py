"""The fal stand-in as one Starlette application; see `create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from local.vendors.control import StandIn
from local.vendors.fal.cdn import Cdn
from local.vendors.fal.outcomes import Outcomes
from local.vendors.fal.queue import Queue
from local.vendors.fal.requests import Requests
from local.vendors.fal.runner import Runner
from local.vendors.fal.settings import FalSettings
from local.vendors.fal.webhooks import Webhooks

__all__ = ["FalSettings", "create_app"]


def create_app(stand_in: StandIn, settings: FalSettings) -> Starlette:
    """Queue, CDN and JWKS under one address; workers and webhooks run during its lifespan."""
    requests = Requests(stand_in.state / "fal.db")
    webhooks = Webhooks(stand_in, settings, requests)
    cdn = Cdn(stand_in, settings, requests)
    outcomes = Outcomes(stand_in, requests, webhooks)
    runner = Runner(stand_in, settings, requests, cdn, outcomes)
    queue = Queue(stand_in, settings, requests, outcomes, runner)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        outcomes.reconcile()
        await webhooks.start()
        await runner.start()
        try:
            yield
        finally:
            await runner.stop()
            await webhooks.stop()
            requests.close()

    # The queue's submit route takes any path that is left, so it comes last.
    routes = [*stand_in.routes(), *webhooks.routes(), *cdn.routes(), *queue.routes()]
    return Starlette(routes=routes, lifespan=lifespan)
