"""Tell a request's webhook about its outcome, signed as fal signs, until somebody says 2xx."""

import asyncio
import base64
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request as Call
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.vendors.control import StandIn
from local.vendors.fal.requests import Request, Requests
from local.vendors.fal.settings import FalSettings
from local.vendors.faults import Fault


class Webhooks:
    """The signing key, and one patient task for each webhook not yet delivered."""

    def __init__(self, stand_in: StandIn, settings: FalSettings, requests: Requests) -> None:
        self._stand_in, self._settings, self._requests = stand_in, settings, requests
        self._key = _durable_key(stand_in.state / "webhook.key")
        self._tasks: set[asyncio.Task[None]] = set()
        self._another = asyncio.Event()

    def routes(self) -> list[Route]:
        return [Route("/.well-known/jwks.json", self._keys)]

    async def start(self) -> None:
        """Go on with what an earlier process did not get delivered."""
        self._client = httpx.AsyncClient(
            timeout=self._settings.webhook_timeout_seconds, trust_env=False
        )
        for request in self._requests.untold():
            self.tell(request)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    def tell(self, request: Request) -> None:
        """Deliver in the background; `request` is COMPLETED and names a webhook."""
        task = asyncio.create_task(self._deliver(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keys(self, _: Call) -> Response:
        raw = self._key.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        key_id = hashlib.sha256(raw).hexdigest()[:16]
        return JSONResponse({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key_id}]})

    async def _deliver(self, request: Request) -> None:
        delays = self._settings.webhook_delays
        for attempt in range(request.tellings, len(delays) + 1):
            delivered = await self._attempt(request, attempt + 1)
            given_up = not delivered and attempt == len(delays)
            self._requests.count_telling(request, done=delivered or given_up)
            if delivered:
                return
            if not given_up:
                await asyncio.sleep(delays[attempt])
        self._stand_in.journal.record("webhook_abandoned", request_id=request.id)

    async def _attempt(self, request: Request, attempt: int) -> bool:
        fault = self._stand_in.faults.take("webhook")
        if fault is None:
            return await self._post(request, attempt)
        self._stand_in.journal.record("fault", kind=fault.kind, during="webhook")
        if fault.kind in ("error", "rate_limited", "timeout_before"):
            await asyncio.sleep(fault.seconds if fault.kind == "timeout_before" else 0)
            return False
        await self._held_back(fault)
        delivered = await self._post(request, attempt, forged=fault.kind == "corrupt")
        if fault.kind == "duplicate":
            await self._post(request, attempt)
        return delivered and fault.kind != "timeout_after"

    async def _held_back(self, fault: Fault) -> None:
        """`delay` waits its seconds; `reorder` as long, or until another webhook went out."""
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault.kind == "reorder":
            self._another.clear()
            try:
                await asyncio.wait_for(self._another.wait(), fault.seconds)
            except TimeoutError:
                return

    async def _post(self, request: Request, attempt: int, *, forged: bool = False) -> bool:
        body = json.dumps(_message(request)).encode()
        headers = self._signed(request.id, body, forged=forged)
        outcome: int | str
        try:
            url = request.webhook or ""
            outcome = (await self._client.post(url, content=body, headers=headers)).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            outcome = type(error).__name__
        self._stand_in.journal.record(
            "webhook",
            request_id=request.id,
            attempt_url=path_and_query(request.webhook),
            attempt=attempt,
            outcome=outcome,
            forged=forged,
        )
        self._another.set()
        return isinstance(outcome, int) and 200 <= outcome < 300

    def _signed(self, request_id: str, body: bytes, *, forged: bool) -> dict[str, str]:
        user_id, timestamp = self._settings.user_id, str(int(time.time()))
        parts = (request_id, user_id, timestamp, hashlib.sha256(body).hexdigest())
        key = Ed25519PrivateKey.generate() if forged else self._key
        return {
            "Content-Type": "application/json",
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": user_id,
            "X-Fal-Webhook-Timestamp": timestamp,
            "X-Fal-Webhook-Signature": key.sign("\n".join(parts).encode()).hex(),
        }


def path_and_query(url: str | None) -> str | None:
    """What of a webhook's URL is journaled: enough to know the attempt, not where it lives."""
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _message(request: Request) -> dict[str, Any]:
    good = request.code == 200
    return {
        "request_id": request.id,
        "gateway_request_id": request.id,
        "status": "OK" if good else "ERROR",
        "error": None if good else f"Unexpected status code: {request.code}",
        "payload": request.answer,
        "payload_error": None,
    }


def _durable_key(path: Path) -> Ed25519PrivateKey:
    """The key of an earlier process, else a new one written whole before it is used."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(Ed25519PrivateKey.generate().private_bytes_raw())
        part.rename(path)
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
