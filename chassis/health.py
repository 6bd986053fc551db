"""Probes: liveness asks nobody; readiness asks the database and sees our own consumers."""

import asyncio
from typing import Protocol

from fastapi import APIRouter, FastAPI, Response
from sqlalchemy import text

from chassis.database import Database

READY_TIMEOUT_SECONDS = 2.0


class Consuming(Protocol):
    """Something that knows whether its own consumers are registered."""

    def consuming(self) -> bool: ...


def health(database: Database | None, worker: Consuming | None) -> APIRouter:
    router = APIRouter(prefix="/health", include_in_schema=False)

    @router.get("/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @router.get("/ready")
    async def ready(response: Response) -> dict[str, bool]:
        checks = {}
        if database is not None:
            checks["database"] = await _answers(database)
        if worker is not None:
            checks["consumers"] = worker.consuming()
        response.status_code = 200 if all(checks.values()) else 503
        return checks

    return router


def create_health_app(database: Database, worker: Consuming) -> FastAPI:
    """What a worker process shows to its probes."""
    app = FastAPI(docs_url=None, openapi_url=None)
    app.include_router(health(database, worker))
    return app


async def _answers(database: Database) -> bool:
    try:
        async with asyncio.timeout(READY_TIMEOUT_SECONDS), database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception:
        return False
    return True
