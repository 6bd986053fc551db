"""The sample service's HTTP door: writes that tell a fact, and ways to go wrong."""

import asyncio
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, SecretStr

from chassis import http
from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from chassis.errors import Refusal
from chassis.outbox import emit
from tests.chassis.bench import Bench
from tests.chassis.sample import Effect


class Teapot(Refusal):
    """It cannot brew."""

    status, code, title = 418, "teapot", "I am a teapot"


class Busy(Refusal):
    """Not now."""

    status, code, title = 409, "busy", "Somebody is at it"

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"retry-after": "1"}


class Note(BaseModel):
    """What a caller writes down."""

    text: str = Field(default="", max_length=20)
    password: SecretStr | None = Field(default=None, min_length=8)
    count: int = 0


def create_app(bench: Bench, **more: Any) -> FastAPI:
    """`bench.consumers` run in it when `worker` is given."""
    return http.create_app(bench.settings, bench.database, [notes(bench)], **more)


def notes(bench: Bench) -> APIRouter:
    router = APIRouter()

    @router.post("/notes", status_code=201)
    async def create(body: Note, caller: CallerDep, database: DatabaseDep) -> dict[str, str]:
        fact = bench.noted(workspace_id=caller.workspace_id, text=body.text)
        async with database.transaction(caller) as session:
            session.add(
                Effect(workspace_id=caller.workspace_id, event_id=fact.event_id, reaction="http")
            )
            await emit(session, fact)
        if body.text == "slow":
            await asyncio.sleep(0.3)
        if body.text == "break":
            raise RuntimeError("hunter2 is the password of the database")
        return {"event_id": str(fact.event_id)}

    @router.post("/teapots")
    async def refuse() -> None:
        raise Teapot("Use a kettle", kettle="blue")

    @router.post("/busy")
    async def busy() -> None:
        raise Busy

    @router.post("/streams")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]), media_type="text/plain")

    return router
