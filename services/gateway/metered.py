"""Which operations have a window of their own beside the calls of a minute: the whole table."""

import re
from typing import Literal

Meter = Literal["generations", "uploads", "password"]

METERED: tuple[tuple[Meter, str], ...] = (
    # Whoever asks for these makes a model work once more; a payment that starts work is no call.
    ("generations", "/v1/projects/{id}/start"),
    ("generations", "/v1/projects/{id}/retry"),
    ("generations", "/v1/clips/{id}/retry"),
    ("generations", "/v1/clips/{id}/remake"),
    ("uploads", "/v1/projects/{id}/uploads"),
    ("uploads", "/v1/workspace/logo-uploads"),
    # Each of them tells whether a password was right, as signing in does.
    ("password", "/v1/auth/password/change"),
    ("password", "/v1/auth/email/change"),
)


def _pattern(meter: Meter) -> str:
    paths = [path for name, path in METERED if name == meter]
    return "|".join(path.replace("{id}", "[^/]+") for path in paths)


_PATHS = {meter: re.compile(_pattern(meter)) for meter, _ in METERED}


def meter_of(method: str, path: str) -> Meter | None:
    """What a call uses up, if anything; `path` is decoded."""
    if method != "POST":
        return None
    return next((meter for meter, paths in _PATHS.items() if paths.fullmatch(path)), None)
