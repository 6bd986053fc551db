"""fal's queue over HTTP: submit, status, result, cancel."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request as Call
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.vendors.control import StandIn
from local.vendors.fal.inputs import MODELS
from local.vendors.fal.outcomes import Outcomes
from local.vendors.fal.requests import Request, Requests
from local.vendors.fal.runner import Runner
from local.vendors.fal.settings import FalSettings
from local.vendors.misbehaviour import misbehave

Work = Callable[[Call], Awaitable[Response]]
WORDS = {
    401: "Authentication is required to access this application.",
    404: "Request not found.",
    429: "Too many requests.",
}


class Queue:
    """The four doors; every one wants the key and may be told to misbehave."""

    def __init__(
        self,
        stand_in: StandIn,
        settings: FalSettings,
        requests: Requests,
        outcomes: Outcomes,
        runner: Runner,
    ) -> None:
        self._stand_in, self._settings, self._requests = stand_in, settings, requests
        self._outcomes, self._runner = outcomes, runner

    def routes(self) -> list[Route]:
        one = "/{owner}/{alias}/requests/{request_id}"
        return [
            Route(f"{one}/status", self._door("status", self._status)),
            Route(one, self._door("result", self._result)),
            Route(f"{one}/cancel", self._door("cancel", self._cancel), methods=["PUT"]),
            Route("/{model:path}", self._door("submit", self._submit), methods=["POST"]),
        ]

    def _door(self, operation: str, work: Work) -> Work:
        async def door(call: Call) -> Response:
            if call.headers.get("authorization") != f"Key {self._settings.api_key}":
                return _refuse(401)
            return await misbehave(self._stand_in, operation, lambda: work(call), _refuse)

        return door

    async def _submit(self, call: Call) -> Response:
        model = call.path_params["model"]
        if model not in MODELS:
            return JSONResponse({"detail": f"Application '{model}' not found"}, status_code=404)
        try:
            body = json.loads(await call.body())
        except ValueError:
            return JSONResponse({"detail": "The body is not JSON."}, status_code=400)
        request = Request(
            id=str(uuid.uuid4()),
            model=model,
            input=body,
            webhook=call.query_params.get("fal_webhook"),
            lifecycle=call.headers.get("x-fal-object-lifecycle-preference"),
            no_retry=call.headers.get("x-fal-no-retry", "").lower() in ("1", "true"),
            submitted_at=time.time(),
        )
        self._requests.add(request)
        self._outcomes.submitted(request)
        self._runner.wake()
        await self._overtaken(request)
        position = self._requests.position(request)
        return self._answer(request, {"status": "IN_QUEUE", "queue_position": position})

    async def _overtaken(self, request: Request) -> None:
        """A `reorder` of the submit: its answer comes after its webhook, or after `seconds`."""
        fault = self._stand_in.faults.take("submit", "reorder")
        deadline = time.monotonic() + (fault.seconds if fault else 0.0)
        while time.monotonic() < deadline:
            now = self._requests.find(request.id)
            if now is None or now.told_at:
                return
            await asyncio.sleep(0.02)

    async def _status(self, call: Call) -> Response:
        request = self._found(call)
        if request is None:
            return _refuse(404)
        logs = _logs(request) if call.query_params.get("logs") in ("true", "True", "1") else None
        if request.status == "IN_QUEUE":
            position = self._requests.position(request)
            return self._answer(request, {"status": "IN_QUEUE", "queue_position": position}, 202)
        if request.status == "IN_PROGRESS":
            return self._answer(request, {"status": "IN_PROGRESS", "logs": logs}, 202)
        took = (request.finished_at or 0.0) - request.submitted_at
        told: dict[str, Any] = {"status": "COMPLETED", "logs": logs}
        told["metrics"] = {"inference_time": round(took, 3)}
        if request.code != 200:
            told["error"] = f"Unexpected status code: {request.code}"
            told["error_type"] = request.error_type
        return self._answer(request, told)

    async def _result(self, call: Call) -> Response:
        request = self._found(call)
        if request is None:
            return _refuse(404)
        if request.code is None:
            return JSONResponse({"detail": "Request is still in progress"}, status_code=400)
        headers = {"x-fal-request-id": request.id}
        if request.error_type:
            headers["x-fal-error-type"] = request.error_type
        return JSONResponse(request.answer, status_code=request.code, headers=headers)

    async def _cancel(self, call: Call) -> Response:
        request = self._found(call)
        if request is None:
            return _refuse(404)
        # The promise that is not kept: a runner that never heard of it and goes on.
        if self._stand_in.faults.take("cancel", "corrupt"):
            self._stand_in.journal.record("fault", kind="corrupt", during="cancel")
        elif not self._runner.cancel(request):
            return JSONResponse({"status": "ALREADY_COMPLETED"}, status_code=400)
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, status_code=202)

    def _found(self, call: Call) -> Request | None:
        path = call.path_params
        request = self._requests.find(path["request_id"])
        if request is None or request.app != f"{path['owner']}/{path['alias']}":
            return None
        return request

    def _answer(self, request: Request, told: dict[str, Any], status: int = 200) -> Response:
        url = f"{self._stand_in.address}/{request.app}/requests/{request.id}"
        urls = {"response_url": url, "status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}
        return JSONResponse({"request_id": request.id, **told, **urls}, status_code=status)


def _refuse(status: int) -> Response:
    return JSONResponse({"detail": WORDS.get(status, "Internal error.")}, status_code=status)


def _logs(request: Request) -> list[dict[str, Any]]:
    return [
        {"message": f"Run {run + 1} of {request.model}", "level": "INFO", "source": "runner"}
        for run in range(request.runs)
    ]
