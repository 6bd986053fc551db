"""A service's HTTP process: routes, problem answers, health, traces, and a graceful end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from chassis import errors, telemetry
from chassis.database import Database
from chassis.health import health
from chassis.idempotency import IdempotencyMiddleware
from chassis.settings import ServiceSettings
from chassis.worker import Worker


def create_app(
    settings: ServiceSettings,
    database: Database,
    routers: Sequence[APIRouter],
    *,
    resources: Sequence[AbstractAsyncContextManager[Any]] = (),
    worker: Worker | None = None,
    **state: Any,
) -> FastAPI:
    """The service's application; `state` becomes `request.app.state` for its dependencies."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            for resource in resources:
                await stack.enter_async_context(resource)
            if worker is not None:
                await stack.enter_async_context(worker.running())
            yield

    app = FastAPI(title=settings.service, version="1", lifespan=lifespan, docs_url=None)
    app.state.settings = settings
    app.state.database = database
    for name, value in state.items():
        setattr(app.state, name, value)
    errors.install(app)
    app.add_middleware(IdempotencyMiddleware, database=database, settings=settings)
    for router in [health(database, worker), *routers]:
        app.include_router(router)
    telemetry.instrument(app)
    return app
