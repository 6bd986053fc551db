"""Which headers pass the gateway in either direction, and those it adds. Pure decisions."""

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

# RFC 9110 §7.6.1, what the pool writes itself, and what only the gateway may tell a service.
NOT_FORWARDED = frozenset(
    b"connection keep-alive proxy-connection proxy-authorization transfer-encoding te trailer "
    b"upgrade expect host content-length authorization cookie forwarded x-real-ip x-request-id "
    b"x-original-url x-rewrite-url x-http-method-override traceparent tracestate baggage".split()
)
CLAIMED_BY_PROXIES = b"x-forwarded-"
# The gateway's server writes its own `date` and `server`; only the gateway decides about origins.
NOT_RETURNED = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate transfer-encoding te trailer "
    b"upgrade date server x-request-id".split()
)
ABOUT_ORIGINS = b"access-control-"

ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
OVER_TLS: Headers = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]


def to_service(headers: Headers) -> Headers:
    """The client's headers without hop-by-hop ones and without claims nobody has checked."""
    dropped = _dropped(headers, NOT_FORWARDED)
    return [
        header
        for header in headers
        if header[0] not in dropped and not header[0].startswith(CLAIMED_BY_PROXIES)
    ]


def to_client(headers: Iterable[tuple[bytes, bytes]], service_url: str) -> Headers:
    """The service's headers; a redirect to its own address becomes one to the same path here."""
    lowered = [(name.lower(), value) for name, value in headers]
    dropped = _dropped(lowered, NOT_RETURNED)
    return [
        (name, _from_here(value, service_url) if name == b"location" else value)
        for name, value in lowered
        if name not in dropped and not name.startswith(ABOUT_ORIGINS)
    ]


def _from_here(location: bytes, service_url: str) -> bytes:
    path = location.removeprefix(service_url.encode())
    return path if path.startswith(b"/") else location


def missing(present: Headers, wanted: Headers) -> Headers:
    """Those wanted ones that the answer does not carry already."""
    names = {name for name, _ in present}
    return [header for header in wanted if header[0] not in names]


def _dropped(headers: Headers, always: frozenset[bytes]) -> frozenset[bytes]:
    for name, value in headers:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            return always | {token.strip().lower() for token in value.split(b",")}
    return always
