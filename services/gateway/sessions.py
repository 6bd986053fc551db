"""Session cookie or API key in, signed caller token out; cached until somebody revokes it."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError

from chassis import caller as caller_token
from chassis.errors import Unauthenticated
from contracts.caller import Caller
from services.gateway.credentials import Credential
from services.gateway.errors import ServiceUnavailable
from services.gateway.settings import Settings
from services.gateway.upstreams import addresses

ASK_TIMEOUT_SECONDS = 5.0
RENEW_SECONDS = 20
"""A token in hand is renewed when it has less than this left, so that none expires on its way."""
UNKNOWN_SECONDS = 1.0
"""How long a wrong credential is remembered: it spares identity, and hides nothing for long."""
UNKNOWN_SIZE = 10_000

IsStale = Callable[[Caller], bool]


class Found(BaseModel):
    """Identity's answer: who it is, and until when at most (null: until revoked)."""

    model_config = ConfigDict(extra="ignore")

    caller: Caller
    expires_at: datetime | None


@dataclass
class Principal:
    """A caller we asked identity about, and for each service the token that says so to it."""

    caller: Caller
    expires_at: datetime | None
    asked_at: float
    lifetime: float
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)


class Sessions:
    """Asks identity once per credential and cache period, however many requests wait."""

    def __init__(
        self, settings: Settings, client: aiohttp.ClientSession, hears: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._identity = addresses(settings)["identity"]
        self._client = client
        self._hears_revocations = hears
        self._signing_key = settings.caller_signing_key.get_secret_value()
        self._principals: OrderedDict[bytes, Principal] = OrderedDict()
        self._unknown: OrderedDict[bytes, float] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Principal]] = {}
        self._doubts: dict[bytes, list[IsStale]] = {}

    def known(self, credential: Credential) -> Principal | None:
        """From memory alone; None when identity must be asked."""
        principal = self._principals.get(credential.digest)
        now = time.monotonic()
        if principal is None or now - principal.asked_at >= self._lifetime_of(principal):
            return None
        return principal

    def token(self, principal: Principal, service: str) -> str:
        """Good for a while, and for no other service: what one is shown opens none of the rest."""
        token, until = principal.tokens.get(service, ("", 0.0))
        now = time.monotonic()
        if until - now < RENEW_SECONDS:
            token = caller_token.sign(principal.caller, self._signing_key, service=service)
            principal.tokens[service] = token, now + caller_token.LIFETIME_SECONDS
        return token

    async def find(self, credential: Credential) -> Principal:
        """Ask identity; raises Unauthenticated, or ServiceUnavailable when identity is down."""
        digest = credential.digest
        if self._unknown.get(digest, 0.0) > time.monotonic():
            raise Unauthenticated
        asking = self._asking.get(digest)
        if asking is None:
            asking = asyncio.create_task(self._ask(credential))
            self._asking[digest] = asking
            asking.add_done_callback(lambda task: self._asked(digest, task))
        # Shielded: one client that hangs up must not take the answer from those who wait with it.
        return await asyncio.shield(asking)

    def forget(self, is_stale: IsStale) -> None:
        """Drop what we know of these callers, also what identity is just telling us."""
        for doubts in self._doubts.values():
            doubts.append(is_stale)
        stale = [key for key, known in self._principals.items() if is_stale(known.caller)]
        for digest in stale:
            del self._principals[digest]

    def members_of(self, workspace_id: UUID) -> set[UUID]:
        """Those of its members who called here lately."""
        callers = [known.caller for known in self._principals.values()]
        return {c.member_id for c in callers if c.workspace_id == workspace_id}

    def forget_credential(self, credential: Credential) -> None:
        self._principals.pop(credential.digest, None)
        self._doubts.get(credential.digest, []).append(lambda _: True)

    def _lifetime_of(self, principal: Principal) -> float:
        if self._hears_revocations():
            return principal.lifetime
        return min(principal.lifetime, self._settings.session_cache_seconds_when_deaf)

    async def _ask(self, credential: Credential) -> Principal:
        asked_at, doubts = time.monotonic(), self._doubts.setdefault(credential.digest, [])
        found = await self._question(credential)
        principal = Principal(found.caller, found.expires_at, asked_at, self._lifetime(found))
        # Revoked while identity was answering: good for those who wait now, and nobody later.
        if not any(is_stale(principal.caller) for is_stale in doubts):
            self._remember(credential, principal)
        return principal

    async def _question(self, credential: Credential) -> Found:
        token = caller_token.sign_gateway(self._signing_key)
        try:
            async with self._client.post(
                f"{self._identity}/internal/principals",
                json=credential.question,
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=ASK_TIMEOUT_SECONDS),
            ) as answer:
                if answer.status in (401, 404, 422):
                    raise Unauthenticated
                answer.raise_for_status()
                return Found.model_validate(await answer.json())
        except (aiohttp.ClientError, TimeoutError, ValidationError, ValueError) as error:
            raise ServiceUnavailable from error

    def _lifetime(self, found: Found) -> float:
        lifetime = self._settings.session_cache_seconds
        if found.expires_at is None:
            return lifetime
        left = (found.expires_at - datetime.now(UTC)).total_seconds()
        return min(lifetime, left)

    def _asked(self, digest: bytes, task: asyncio.Task[Any]) -> None:
        del self._asking[digest]
        self._doubts.pop(digest, None)
        if not task.cancelled() and isinstance(task.exception(), Unauthenticated):
            _put(self._unknown, digest, time.monotonic() + UNKNOWN_SECONDS, UNKNOWN_SIZE)

    def _remember(self, credential: Credential, principal: Principal) -> None:
        size = self._settings.session_cache_size
        _put(self._principals, credential.digest, principal, size)


def _put(cache: OrderedDict[bytes, Any], digest: bytes, value: Any, size: int) -> None:
    cache[digest] = value
    cache.move_to_end(digest)
    if len(cache) > size:
        cache.popitem(last=False)
