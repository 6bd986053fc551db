"""How often a caller may call: exact moving windows, in memory or in Redis for replicas."""

import hashlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, cast
from uuid import UUID

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute, WindowStats
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from contracts.caller import Caller
from services.gateway.errors import TooManyGenerations, TooManyRequests, TooManyUploads
from services.gateway.headers import Headers
from services.gateway.metered import Meter, meter_of
from services.gateway.settings import Settings
from services.gateway.windows import WindowStorage

log = structlog.get_logger()

STORAGE_TIMEOUT_SECONDS = 0.5
ALONE_SECONDS = 5.0
"""How long nobody waits again for a storage that did not answer."""

T = TypeVar("T")
Limiter = MovingWindowRateLimiter


class Policy:
    """A limit under the name that the RateLimit headers give it, and how it says no."""

    def __init__(
        self,
        name: str,
        calls: int,
        minutes: int = 1,
        refusal: type[TooManyRequests] = TooManyRequests,
    ) -> None:
        self.item = RateLimitItemPerMinute(calls, minutes)
        self.seconds = self.item.get_expiry()
        self.described = (b"ratelimit-policy", f'"{name}";q={calls};w={self.seconds}'.encode())
        self.name = name.encode()
        self.refusal = refusal
        # As the library names the key in its storage, without asking it at every call.
        self._before, self._after = self.item.key_for("\0").split("\0")

    def key_for(self, key: str) -> str:
        return f"{self._before}{key}{self._after}"


def _metered(settings: Settings) -> dict[Meter, dict[str, Policy]]:
    """The windows of single operations, for each plan."""
    minutes, day = settings.sign_in_window_minutes, 24 * 60
    return {
        "generations": {
            plan: Policy("generations", count, 60, TooManyGenerations)
            for plan, count in settings.generations_per_hour.items()
        },
        "uploads": {
            plan: Policy("uploads", count, day, TooManyUploads)
            for plan, count in settings.uploads_per_day.items()
        },
        "password": {"free": Policy("password", settings.sign_ins_per_account, minutes)},
    }


class CallLimits:
    """Counts calls per member, or per address while nobody has signed in."""

    def __init__(self, settings: Settings) -> None:
        self._metered = _metered(settings)
        storage = _open_storage(settings.limits_storage_url)
        self._here = storage if isinstance(storage, WindowStorage) else None
        self._shared = MovingWindowRateLimiter(storage)
        self._alone = MovingWindowRateLimiter(WindowStorage())
        self._alone_until = 0.0
        self._members = {
            plan: Policy("calls", calls) for plan, calls in settings.calls_per_minute.items()
        }
        self._anonymous = Policy("calls", settings.anonymous_calls_per_minute)
        self._unknown = Policy("unknown-credentials", settings.unknown_credentials_per_minute)
        minutes = settings.sign_in_window_minutes
        self._accounts = Policy("sign-in", settings.sign_ins_per_account, minutes)
        self._addresses = Policy("sign-in", settings.sign_ins_per_address, minutes)

    async def count_member(self, caller: Caller) -> Headers:
        """Count one call and return the RateLimit headers; raises TooManyRequests."""
        policy = self._members.get(caller.plan) or self._members["free"]
        return await self._count(policy, f"member:{caller.member_id}")

    async def count_operation(self, caller: Caller, method: str, path: str) -> Headers:
        """Count one of the operations of metered.py, as `count_member` counts every call."""
        meter = meter_of(method, path)
        # A program or an impersonator guesses no password: they are refused unheard.
        is_person = caller.scopes is None and caller.impersonator_id is None
        if meter is None or (meter == "password" and not is_person):
            return []
        policies = self._metered[meter]
        plan = "free" if caller.workspace_status == "trial" else caller.plan
        return await self._count(
            policies.get(plan) or policies["free"], f"{meter}:{caller.member_id}"
        )

    async def forget_uploads(self, member_id: UUID) -> None:
        """What has been paid for does not stop the next project."""
        key = f"uploads:{member_id}"
        for policy in self._metered["uploads"].values():
            await self._with_storage(partial(_clear, policy.item, key))

    async def count_anonymous(self, address: str) -> Headers:
        return await self._count(self._anonymous, f"address:{address}")

    async def check_unknown(self, address: str) -> None:
        """Before asking identity about a credential: not from who showed too many wrong ones."""
        item, key = self._unknown.item, f"unknown:{address}"
        if not await self._with_storage(lambda limiter: limiter.test(item, key)):
            window = await self._with_storage(lambda limiter: limiter.get_window_stats(item, key))
            raise _refusal(self._unknown, window)

    async def count_unknown(self, address: str) -> None:
        item, key = self._unknown.item, f"unknown:{address}"
        await self._with_storage(lambda limiter: limiter.hit(item, key))

    async def count_sign_in(self, account: str, address: str) -> None:
        """One attempt at an account, by whomever, and one by this address, at whatever."""
        await self._count(self._addresses, f"sign-in-address:{address}")
        # A digest: the storage need not know who signs in. JSON can spell half a character.
        spelled = account.encode(errors="surrogatepass")
        digest = hashlib.sha256(spelled).hexdigest()
        await self._count(self._accounts, f"sign-in-account:{digest}")

    async def _count(self, policy: Policy, key: str) -> Headers:
        async def hit(limiter: Limiter) -> tuple[bool, WindowStats]:
            accepted = await limiter.hit(policy.item, key)
            return accepted, await limiter.get_window_stats(policy.item, key)

        if self._here is not None:
            accepted, window = self._here.count(
                policy.key_for(key), policy.item.amount, policy.seconds
            )
        else:
            accepted, window = await self._with_storage(hit)
        if not accepted:
            raise _refusal(policy, window)
        return _headers(policy, window)

    async def _with_storage(self, ask: Callable[[Limiter], Awaitable[T]]) -> T:
        """Ask the shared counts; while their storage is away this replica counts alone."""
        if time.monotonic() >= self._alone_until:
            try:
                return await ask(self._shared)
            except (StorageError, OSError, TimeoutError) as error:
                log.warning("limits.storage_unreachable", error=type(error).__name__)
                self._alone_until = time.monotonic() + ALONE_SECONDS
        return await ask(self._alone)


async def _clear(item: RateLimitItem, key: str, limiter: Limiter) -> None:
    await limiter.clear(item, key)


def _refusal(policy: Policy, window: WindowStats) -> TooManyRequests:
    refusal = policy.refusal()
    refusal.headers = {name.decode(): value.decode() for name, value in _headers(policy, window)}
    refusal.headers["retry-after"] = str(_seconds_left(window))
    return refusal


def _headers(policy: Policy, window: WindowStats) -> Headers:
    left = (policy.name, max(0, window.remaining), _seconds_left(window))
    return [policy.described, (b"ratelimit", b'"%b";r=%d;t=%d' % left)]


def _seconds_left(window: WindowStats) -> int:
    return max(1, int(window.reset_time - time.time()) + 1)


def _open_storage(url: str) -> Storage:
    # The library's clients have no timeouts of their own.
    timeouts = {
        "socket_timeout": STORAGE_TIMEOUT_SECONDS,
        "socket_connect_timeout": STORAGE_TIMEOUT_SECONDS,
    }
    return cast(Storage, storage_from_string(url, wrap_exceptions=True, **timeouts))
