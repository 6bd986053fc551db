"""The services behind the gateway: a pool of connections and a breaker for each of them."""

import time
from dataclasses import dataclass

import aiohttp

from services.gateway.errors import ServiceUnavailable
from services.gateway.pool import IDLE_SECONDS, Patience, Pool
from services.gateway.settings import Settings

NOT_INVENTED = ("accept", "accept-encoding", "content-type", "user-agent")


@dataclass
class Breaker:
    """After some failures in a row, say no at once for a moment; then let one request try."""

    failures_to_open: int
    open_seconds: float
    failures: int = 0
    open_until: float = 0.0

    def check(self) -> None:
        if self.failures < self.failures_to_open:
            return
        now = time.monotonic()
        if now < self.open_until:
            raise ServiceUnavailable
        self.open_until = now + self.open_seconds

    def failed(self) -> None:
        self.failures += 1
        self.open_until = time.monotonic() + self.open_seconds

    def answered(self) -> None:
        self.failures = 0


@dataclass(frozen=True)
class Upstream:
    """One service: where it is, the way to it, and how it has been doing."""

    url: str
    pool: Pool
    breaker: Breaker


def open_client(settings: Settings) -> aiohttp.ClientSession:
    """For the gateway's own few questions: who somebody is, and what the services' doors are."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            # Per service, so that one that hangs cannot take the connections of the others.
            limit=0,
            limit_per_host=settings.max_connections_per_service,
            keepalive_timeout=IDLE_SECONDS,
        ),
        timeout=aiohttp.ClientTimeout(
            total=None,
            connect=2 * settings.connect_timeout_seconds,
            sock_connect=settings.connect_timeout_seconds,
            sock_read=settings.read_timeout_seconds,
        ),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=NOT_INVENTED,
    )


def addresses(settings: Settings) -> dict[str, str]:
    urls = {
        "identity": settings.identity_url,
        "imaging": settings.imaging_url,
        "video": settings.video_url,
        "billing": settings.billing_url,
        "affiliate": settings.affiliate_url,
        "notifications": settings.notifications_url,
    }
    return {service: url.rstrip("/") for service, url in urls.items()}


def upstreams(settings: Settings) -> dict[str, Upstream]:
    patience = Patience(
        place=2 * settings.connect_timeout_seconds,
        connect=settings.connect_timeout_seconds,
        read=settings.read_timeout_seconds,
    )
    return {
        service: Upstream(
            url,
            Pool(url, settings.max_connections_per_service, patience),
            Breaker(settings.breaker_failures, settings.breaker_open_seconds),
        )
        for service, url in addresses(settings).items()
    }
