"""Under which name attempts at an account are counted: one, however its address is spelled."""

import json
from contextlib import suppress
from unicodedata import normalize

from pydantic import validate_email


def account_of(body: bytes) -> str:
    """Whom a sign-in is about; empty when it is about nobody."""
    try:
        email = json.loads(body).get("email", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return _one_spelling(str(email))


def _one_spelling(email: str) -> str:
    # Identity's own reading of an address: with a name around it, in wide letters or capitals, it
    # is the same account. What it cannot read it refuses before it looks at a password.
    with suppress(ValueError):
        _, email = validate_email(email)
    return normalize("NFKC", normalize("NFKC", email.strip()).lower())
