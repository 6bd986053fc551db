"""Which pages in a browser may call: an exact list for other origins, nobody else with a cookie."""

from services.gateway.errors import CrossSiteRequest
from services.gateway.headers import Headers

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id",
    ),
    (b"access-control-max-age", b"600"),
]
EXPOSED = (
    b"etag, idempotent-replayed, last-event-id, location, ratelimit, ratelimit-policy, "
    b"retry-after, x-request-id"
)


class Origins:
    """The browser origins that may call this gateway with cookies."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = frozenset(origin.encode() for origin in allowed)

    def allows(self, origin: bytes | None) -> bool:
        return origin in self._allowed

    def headers_for(self, headers: Headers) -> Headers:
        """What lets the page that calls read the answer; nothing for one of a foreign origin."""
        if not self._allowed:
            return []
        origin = dict(headers).get(b"origin")
        vary = (b"vary", b"origin")
        if origin is None or not self.allows(origin):
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", EXPOSED),
        ]

    def defend(self, method: str, headers: dict[bytes, bytes]) -> None:
        """Refuse what a page on another site sends; raises CrossSiteRequest.

        Browsers say where a request comes from in Sec-Fetch-Site or, older ones, in Origin. A
        request with neither comes from no browser, so nobody's cookie can be abused with it.
        """
        origin = headers.get(b"origin")
        if method in SAFE_METHODS or self.allows(origin):
            return
        site = headers.get(b"sec-fetch-site")
        if site is not None:
            if site not in (b"same-origin", b"none"):
                raise CrossSiteRequest
        elif origin is not None and _host_of(origin) != headers.get(b"host"):
            raise CrossSiteRequest


def is_preflight(method: str, headers: dict[bytes, bytes]) -> bool:
    return method == "OPTIONS" and b"access-control-request-method" in headers


def _host_of(origin: bytes) -> bytes:
    return origin.partition(b"://")[2]
