"""Is this webhook fal's? Ed25519 over request, user, time and body; keys from fal's JWKS."""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.imaging.errors import WebhookKeysMissing, WebhookRefused

log = structlog.get_logger()

KEYS_LAST_SECONDS = 24 * 3600
REFETCH_SECONDS = 60
TOLERANCE_SECONDS = 300
FETCH_TIMEOUT = aiohttp.ClientTimeout(total=5)
MOST_KEYS_BYTES = 65_536


class WebhookKeys:
    """Fetches fal's keys when needed; a forged signature makes us fetch once a minute at most."""

    def __init__(self, jwks_url: str, user_id: str | None = None) -> None:
        self._url = jwks_url
        self._user_id = user_id
        self._keys: list[Ed25519PublicKey] = []
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=FETCH_TIMEOUT)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """The signed request id; raises WebhookRefused, or WebhookKeysMissing when fal is away."""
        request_id = headers.get("x-fal-webhook-request-id", "")
        user_id = headers.get("x-fal-webhook-user-id", "")
        timestamp = headers.get("x-fal-webhook-timestamp", "")
        signature = _unhex(headers.get("x-fal-webhook-signature", ""))
        if not (request_id and is_fresh(timestamp, time.time()) and signature):
            raise WebhookRefused
        if self._user_id is not None and user_id != self._user_id:
            raise WebhookRefused
        parts = (request_id, user_id, timestamp, hashlib.sha256(body).hexdigest())
        if not await self._signed("\n".join(parts).encode(), signature):
            raise WebhookRefused
        return request_id

    async def _signed(self, message: bytes, signature: bytes) -> bool:
        if time.monotonic() - self._fetched_at > KEYS_LAST_SECONDS:
            self._keys = []
            await self._fetch()
        if not self._keys:
            raise WebhookKeysMissing
        if any(_matches(key, message, signature) for key in self._keys):
            return True
        # The vendor may have changed its keys.
        await self._fetch()
        return any(_matches(key, message, signature) for key in self._keys)

    async def _fetch(self) -> None:
        recently = time.monotonic() - self._tried_at < REFETCH_SECONDS
        if recently and self._keys:
            return
        self._tried_at = time.monotonic()
        try:
            async with self._session.get(self._url, allow_redirects=False) as answer:
                answer.raise_for_status()
                document = await answer.content.read(MOST_KEYS_BYTES)
            self._keys = keys_of(document)
            self._fetched_at = time.monotonic()
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning("fal.keys_unreachable", error=type(error).__name__)


def is_fresh(timestamp: str, now: float) -> bool:
    """Within five minutes of now, either way; `timestamp` in seconds since 1970."""
    return timestamp.isascii() and timestamp.isdigit() and _near(int(timestamp[:15]), now)


def _near(seconds: int, now: float) -> bool:
    return abs(now - seconds) <= TOLERANCE_SECONDS


def keys_of(document: bytes) -> list[Ed25519PublicKey]:
    """The Ed25519 keys of a JWKS document; raises ValueError, KeyError or TypeError."""
    listed: list[dict[str, Any]] = json.loads(document)["keys"]
    return [
        Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "=="))
        for key in listed
        if key.get("crv", "Ed25519") == "Ed25519"
    ]


def _unhex(signature: str) -> bytes:
    try:
        return bytes.fromhex(signature)
    except ValueError:
        return b""


def _matches(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
