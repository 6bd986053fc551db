"""A request as the gateway sees it, once it can mean one thing only."""

import re
from dataclasses import dataclass

from starlette.types import Scope

from services.gateway.credentials import Credential, find_credential
from services.gateway.errors import MalformedRequest, UriTooLong
from services.gateway.headers import Headers
from services.gateway.settings import Settings

# We route by the decoded path and pass the encoded one on: both must name the same thing.
AMBIGUOUS = re.compile(rb"//|/\.{1,2}(/|$)|\\|%(2f|5c|2e|00|(?![0-9a-f]{2}))", re.IGNORECASE)
NOT_PRINTABLE = re.compile(rb"[^\x21-\x7e]")
SINGULAR = (b"host", b"content-length", b"origin", b"sec-fetch-site")


@dataclass(slots=True)
class Incoming:
    """Method, path and headers of one request, and who sent it."""

    scope: Scope
    headers: dict[bytes, bytes]
    target: bytes
    """Path and query, encoded as they came."""
    credential: Credential | None

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method

    @property
    def path(self) -> str:
        path: str = self.scope["path"]
        return path

    @property
    def raw_headers(self) -> Headers:
        raw: Headers = self.scope["headers"]
        return raw

    @property
    def origin(self) -> bytes | None:
        return self.headers.get(b"origin")

    @property
    def address(self) -> str:
        """The other end of our socket; the server rewrites it for proxies it was told to trust."""
        client = self.scope.get("client")
        return str(client[0]) if client else "unknown"


def read(scope: Scope, settings: Settings) -> Incoming:
    """Raises MalformedRequest or UriTooLong."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    if len(path) > settings.max_path_bytes or len(query) > settings.max_query_bytes:
        raise UriTooLong
    target = path + b"?" + query if query else path
    if AMBIGUOUS.search(path) or NOT_PRINTABLE.search(target):
        raise MalformedRequest("The path is ambiguous")
    headers = dict(scope["headers"])
    if len(headers) < len(scope["headers"]):
        _check_repeated(scope["headers"])
    name = b"__Host-session" if settings.secure_cookies else b"session"
    return Incoming(scope, headers, target, find_credential(scope["headers"], cookie_name=name))


def _check_repeated(headers: Headers) -> None:
    for singular in SINGULAR:
        if sum(name == singular for name, _ in headers) > 1:
            raise MalformedRequest(f"{singular.decode()} is given twice")
