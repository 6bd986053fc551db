"""The gateway process: `uvicorn services.gateway.app:create_app --factory`."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp

from chassis import errors, telemetry
from services.gateway.admission import Admission
from services.gateway.audit import Audit
from services.gateway.docs import POLICY, docs_page
from services.gateway.door import Door
from services.gateway.limits import CallLimits
from services.gateway.openapi import ApiDocument
from services.gateway.origins import Origins
from services.gateway.progress import api as progress
from services.gateway.progress.consumers import Listener
from services.gateway.progress.streams import Streams
from services.gateway.progress.use_cases import READS_AT_ONCE, Progress
from services.gateway.proxy import Proxy
from services.gateway.sessions import Sessions
from services.gateway.settings import Settings
from services.gateway.upstreams import open_client, upstreams


def create_app(settings: Settings | None = None) -> ASGIApp:
    if settings is None:
        settings = Settings()  # values come from the environment
        telemetry.start(settings)
        _collect_garbage_rarely()
    own = FastAPI(
        title="gateway",
        lifespan=_lifespan(settings),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    errors.install(own)
    own.include_router(progress.router)
    _add_own_routes(own)
    return Door(settings, own, lambda: own.state.proxy)


def _collect_garbage_rarely() -> None:
    # What a request leaves behind is freed by counting; looking for cycles every 700 objects, and
    # through all of the imported code, costs a tenth of the processor time.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _lifespan(settings: Settings) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        streams = Streams(settings.streams_per_workspace)
        async with open_client(settings) as client:
            sessions = Sessions(settings, client, lambda: listener.hears())
            limits = CallLimits(settings)
            url = settings.rabbitmq_url.get_secret_value()
            listener = Listener(url, streams, sessions, limits)
            admission = Admission(sessions, limits, Origins(settings.allowed_origins))
            services = upstreams(settings)
            app.state.listener = listener
            app.state.admission = admission
            app.state.progress = Progress(streams, listener, asyncio.Semaphore(READS_AT_ONCE))
            audit = Audit(settings, client)
            app.state.proxy = Proxy(settings, admission, audit, services, streams)
            app.state.document = ApiDocument(settings, client, app.openapi())
            listening = asyncio.create_task(listener.run())
            yield
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            for upstream in services.values():
                upstream.pool.close()

    return lifespan


def _add_own_routes(own: FastAPI) -> None:
    @own.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, bool]:
        return {"live": True}

    @own.get("/health/ready", include_in_schema=False)
    async def ready() -> dict[str, bool]:
        # Routing works without the broker; live progress and the long cache do not.
        return {"ready": True, "hears_facts": own.state.listener.hears()}

    # Whoever asks makes work of some hundredths of a second.
    as_a_stranger = [Depends(_count_stranger)]

    @own.get("/openapi.json", include_in_schema=False, dependencies=as_a_stranger)
    async def openapi(request: Request) -> dict[str, Any]:
        document: ApiDocument = request.app.state.document
        return await document.read()

    @own.get("/docs", include_in_schema=False, dependencies=as_a_stranger)
    async def docs(request: Request) -> HTMLResponse:
        document: ApiDocument = request.app.state.document
        headers = {"content-security-policy": POLICY}
        return HTMLResponse(docs_page(await document.read()), headers=headers)


async def _count_stranger(request: Request) -> None:
    admission: Admission = request.app.state.admission
    await admission.limits.count_anonymous(request.state.incoming.address)
