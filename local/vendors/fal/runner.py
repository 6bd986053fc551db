"""Take requests from the queue, fetch their inputs, run their models and write the outcome."""

import asyncio
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import httpx

from local.infrastructure import find_ffmpeg
from local.vendors.control import StandIn
from local.vendors.fal.cdn import Cdn
from local.vendors.fal.fetch import FetchFailed, client, fetch_all
from local.vendors.fal.inputs import MODELS, Input, Model, parsed
from local.vendors.fal.outcomes import Outcomes
from local.vendors.fal.requests import Request, Requests
from local.vendors.fal.settings import FalSettings
from local.vendors.fal.workers import Worker, WorkerDied
from local.vendors.faults import Fault

log = logging.getLogger(__name__)


class Runner:
    """As many requests at a time as there are workers; the queue's order is the submits'."""

    def __init__(
        self,
        stand_in: StandIn,
        settings: FalSettings,
        requests: Requests,
        cdn: Cdn,
        outcomes: Outcomes,
    ) -> None:
        self._stand_in, self._settings, self._requests = stand_in, settings, requests
        self._cdn, self._outcomes = cdn, outcomes
        self._folder = stand_in.state / "work"
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        self._requests.requeue_unfinished()
        self._ffmpeg = find_ffmpeg().ffmpeg
        self._client: httpx.AsyncClient = client()
        workers = [Worker() for _ in range(self._settings.workers)]
        self._loops = [asyncio.create_task(self._loop(worker)) for worker in workers]

    async def stop(self) -> None:
        for task in (*self._loops, *self._running.values()):
            task.cancel()
        await asyncio.gather(*self._loops, *self._running.values(), return_exceptions=True)
        await self._client.aclose()

    def wake(self) -> None:
        """A request was queued."""
        self._wake.set()

    def cancel(self, request: Request) -> bool:
        """End it with 499 and no charge; False when it was already over."""
        if not self._outcomes.cancel(request):
            return False
        task = self._running.get(request.id)
        if task is not None:
            task.cancel()
        return True

    async def _loop(self, worker: Worker) -> None:
        try:
            while True:
                self._wake.clear()
                request = self._requests.claim()
                if request is None:
                    await self._wake.wait()
                    continue
                task = asyncio.create_task(self._run(worker, request))
                self._running[request.id] = task
                await asyncio.wait({task})
                del self._running[request.id]
        finally:
            await worker.kill()

    async def _run(self, worker: Worker, request: Request) -> None:
        model = MODELS[request.model]
        asked, refusals = parsed(model, request.input)
        if asked is None:
            return self._outcomes.finish(request, 422, {"detail": refusals})
        try:
            fault = self._stand_in.faults.take(
                "model",
                "error",
                "rate_limited",
                "timeout_before",
                "timeout_after",
                "delay",
                "corrupt",
            )
            if fault is not None and await self._misbehaved(request, fault):
                return None
            outputs = await self._worked(worker, request, model, asked)
            shown = [] if fault is not None and fault.kind == "corrupt" else outputs
            self._outcomes.finish(request, 200, model.answer(shown), model.cost_usd(asked, outputs))
        except (FetchFailed, _Refused) as refusal:
            self._outcomes.finish(request, 422, {"detail": [refusal.detail]})
        except WorkerDied as error:
            log.warning("fal worker died: %s", error)
            await self._again(request, 500)

    async def _misbehaved(self, request: Request, fault: Fault) -> bool:
        """True when the fault decided the outcome.

        `error` is a refusal of the content (422); with status 502–504 it is a broken runner, which
        fal runs again unless told not to. Slow kinds sleep; `corrupt` only loses the outputs.
        """
        self._stand_in.journal.record("fault", kind=fault.kind, during="model")
        if fault.kind in ("delay", "timeout_before", "timeout_after"):
            await asyncio.sleep(fault.seconds)
            return False
        if fault.kind == "corrupt":
            return False
        if fault.kind == "error" and fault.status not in (502, 503, 504):
            self._outcomes.finish(request, 422, {"detail": [CONTENT_REFUSED]})
        else:
            await self._again(request, 429 if fault.kind == "rate_limited" else fault.status)
        return True

    async def _worked(
        self, worker: Worker, request: Request, model: Model, asked: Input
    ) -> list[dict[str, Any]]:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            inputs = await fetch_all(self._client, asked.urls(), folder)
            answer = await worker.run(
                {
                    "model": model.work,
                    "arguments": asked.model_dump(),
                    "inputs": {field: str(path) for field, path in inputs.items()},
                    "folder": str(folder),
                    "ffmpeg": str(self._ffmpeg),
                    "max_short_side": self._settings.max_short_side,
                    "max_long_side": self._settings.max_long_side,
                }
            )
            if "detail" in answer:
                raise _Refused(answer["detail"][0])
            return [self._published(folder, out, request) for out in answer["outputs"]]
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _published(self, folder: Path, out: dict[str, Any], request: Request) -> dict[str, Any]:
        path = folder / out["file_name"]
        return out | self._cdn.publish(path, out["content_type"], request.lifecycle)

    async def _again(self, request: Request, status: int) -> None:
        await asyncio.sleep(0.05 * request.runs)
        self._outcomes.again(request, status)
        self.wake()


class _Refused(Exception):
    """The model itself said no."""

    def __init__(self, detail: dict[str, Any]) -> None:
        super().__init__(detail["msg"])
        self.detail = detail


CONTENT_REFUSED = {
    "loc": ["body", "prompt"],
    "msg": "The content was flagged by a content checker.",
    "type": "content_policy_violation",
}
