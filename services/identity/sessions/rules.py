"""How long a session lives, who is kept out, and what an API key may be given."""

import hashlib
from datetime import datetime, timedelta
from typing import Literal

from contracts.caller import Caller

LIFETIME = timedelta(days=7)
SLIDES_EVERY = timedelta(days=1)
ABSOLUTE_LIFETIME = timedelta(days=30)
USE_RECORDED_EVERY = timedelta(minutes=1)

TOKEN_BYTES = 32
KeyKind = Literal["live", "sandbox"]
# A program writes no invoice and no commission: those two are read.
SCOPE_PATTERN = (
    r"^((projects|images|videos|payments|workspace|members):(read|write)"
    r"|(invoices|affiliate):read)$"
)


def hash_token(token: str) -> bytes:
    """SHA-256: enough for 256 random bits, and fast enough to ask on every request."""
    return hashlib.sha256(token.encode()).digest()


def key_prefix(kind: KeyKind) -> str:
    """What a key begins with: people, and scanners for leaked keys, see where it is for."""
    return f"ais_{kind}_"


def expiry_of(created_at: datetime, now: datetime) -> datetime:
    """Seven days from now, but never more than thirty from the beginning."""
    return min(now + LIFETIME, created_at + ABSOLUTE_LIFETIME)


def should_slide(refreshed_at: datetime, now: datetime, *, impersonated: bool) -> bool:
    """Once a day; an impersonation ends when it said it would."""
    return not impersonated and now - refreshed_at >= SLIDES_EVERY


def is_banned(banned: bool, ban_expires_at: datetime | None, now: datetime) -> bool:
    return banned and (ban_expires_at is None or now < ban_expires_at)


def should_record_use(last_used_at: datetime | None, now: datetime) -> bool:
    return last_used_at is None or now - last_used_at >= USE_RECORDED_EVERY


def is_own_session(caller: Caller) -> bool:
    """A person who signed in, neither a program nor an impersonator."""
    return caller.api_key_id is None and caller.impersonator_id is None


def can_manage_keys(caller: Caller) -> bool:
    return caller.role in ("owner", "admin")
