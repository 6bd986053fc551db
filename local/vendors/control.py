"""The doors every stand-in has beside its vendor's protocol: its journal and its faults."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.vendors.faults import Fault, Faults
from local.vendors.journal import Journal

FAULTS = TypeAdapter(list[Fault])


@dataclass
class StandIn:
    """What a stand-in gets: where it may write, its public address, its journal and its faults."""

    name: str
    state: Path
    address: str
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(self.state / "journal.jsonl")

    def routes(self) -> list[Route]:
        """`GET /_journal`, and `PUT`/`DELETE /_faults`."""
        return [
            Route("/_journal", self._show_journal),
            Route("/_faults", self._set_faults, methods=["PUT", "DELETE"]),
        ]

    async def _show_journal(self, request: Request) -> Response:
        return JSONResponse(self.journal.entries(request.query_params.get("operation")))

    async def _set_faults(self, request: Request) -> Response:
        try:
            faults = FAULTS.validate_json(await request.body() or b"[]")
        except ValidationError as error:
            return Response(error.json(), status_code=422, media_type="application/json")
        self.faults.clear()
        for fault in faults:
            self.faults.add(fault)
        return Response(status_code=204)
