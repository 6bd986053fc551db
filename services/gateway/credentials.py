"""What a request shows to say who is calling: an API key, or the browser's session cookie."""

import hashlib
import re
from dataclasses import dataclass, field

from services.gateway.headers import Headers

# What identity hands out; anything else is not worth a question.
TOKEN = re.compile(rb"[A-Za-z0-9._~+/=-]{1,200}")


@dataclass(slots=True)
class Credential:
    """Exactly one of the two."""

    session_token: str | None = None
    api_key: str | None = None
    digest: bytes = field(init=False)
    """What the cache knows it by: the secret itself stays nowhere."""

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256(f"{self.session_token}\n{self.api_key}".encode()).digest()

    @property
    def question(self) -> dict[str, str]:
        if self.api_key is not None:
            return {"api_key": self.api_key}
        return {"session_token": self.session_token or ""}


def find_credential(headers: Headers, *, cookie_name: bytes) -> Credential | None:
    """The API key of an `Authorization: Bearer` header, else the session cookie."""
    authorizations = [value for name, value in headers if name == b"authorization"]
    if authorizations:
        return _api_key(authorizations)
    for name, value in headers:
        if name == b"cookie":
            token = _cookie(value, cookie_name)
            if token is not None:
                return Credential(session_token=token.decode())
    return None


def _api_key(authorizations: list[bytes]) -> Credential | None:
    scheme, _, value = authorizations[0].partition(b" ")
    key = value.strip()
    # Two of them are two opinions on who is calling.
    if len(authorizations) > 1 or scheme.lower() != b"bearer" or not TOKEN.fullmatch(key):
        return None
    return Credential(api_key=key.decode())


def _cookie(header: bytes, wanted: bytes) -> bytes | None:
    # Not http.cookies: it gives up at the first cookie of somebody else that it cannot read.
    for pair in header.split(b";"):
        name, _, value = pair.strip().partition(b"=")
        if name == wanted and TOKEN.fullmatch(value):
            return value
    return None
