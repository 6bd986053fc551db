"""Proves that a webhook is fal's: Ed25519 over its headers and body, keys from a JWKS URL."""

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.video.errors import KeysUnavailable, WebhookForged

TOLERANCE_SECONDS = 300
KEYS_KEPT_SECONDS = 3600.0
REFRESH_AT_MOST_EVERY_SECONDS = 30.0
FETCH_TIMEOUT = aiohttp.ClientTimeout(total=5)
MAX_KEYS = 20


@dataclass
class WebhookVerifier:
    """Caches the vendor's keys; a signature of an unknown key makes it look once more."""

    jwks_url: str
    user_id: str | None = None
    """Our own account, when we know it: the vendor signs everybody's with the same keys."""
    _keys: list[Ed25519PublicKey] = field(default_factory=list)
    _read_at: float = float("-inf")

    async def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises WebhookForged, or KeysUnavailable when nobody can say."""
        message, signature = _signed(headers, body)
        if self.user_id not in (None, headers.get("x-fal-webhook-user-id")):
            raise WebhookForged
        if time.monotonic() - self._read_at > KEYS_KEPT_SECONDS:
            await self._refresh()
        if self._matches(message, signature):
            return
        if time.monotonic() - self._read_at > REFRESH_AT_MOST_EVERY_SECONDS:
            await self._refresh()
            if self._matches(message, signature):
                return
        raise WebhookForged

    def _matches(self, message: bytes, signature: bytes) -> bool:
        for key in self._keys:
            try:
                key.verify(signature, message)
            except InvalidSignature:
                continue
            return True
        return False

    async def _refresh(self) -> None:
        try:
            async with (
                aiohttp.ClientSession(timeout=FETCH_TIMEOUT) as session,
                session.get(self.jwks_url, allow_redirects=False) as answer,
            ):
                answer.raise_for_status()
                self._keys = _read_keys(await answer.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise KeysUnavailable from error
        self._read_at = time.monotonic()


def _read_keys(document: Any) -> list[Ed25519PublicKey]:
    return [
        Ed25519PublicKey.from_public_bytes(
            base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
        )
        for key in document["keys"][:MAX_KEYS]
        if key.get("kty") == "OKP"
    ]


def _signed(headers: Mapping[str, str], body: bytes) -> tuple[bytes, bytes]:
    """The message that was signed and its signature; raises WebhookForged when too old."""
    names = ("request-id", "user-id", "timestamp", "signature")
    request_id, user_id, timestamp, signature = (
        headers.get(f"x-fal-webhook-{name}", "") for name in names
    )
    try:
        age = abs(time.time() - int(timestamp))
        raw = bytes.fromhex(signature)
    except ValueError as error:
        raise WebhookForged from error
    if not request_id or not user_id or age > TOLERANCE_SECONDS:
        raise WebhookForged
    parts = (request_id, user_id, timestamp, hashlib.sha256(body).hexdigest())
    return "\n".join(parts).encode(), raw
