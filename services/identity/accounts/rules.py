"""What makes an address, a slug and a first workspace."""

import re
import unicodedata
from datetime import timedelta
from typing import Literal

Purpose = Literal["verify_email", "reset_password", "change_email"]

TOKEN_LIVES: dict[Purpose, timedelta] = {
    "verify_email": timedelta(hours=24),
    "change_email": timedelta(hours=24),
    "reset_password": timedelta(hours=1),
}

SLUG_SUFFIX_LENGTH = 6
SLUG_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
MAX_SLUG_STEM = 40


def normal_email(email: str) -> str:
    """The one spelling an address is stored and compared in: lower(NFKC(email))."""
    # Once more after lower(): some capitals lower to a sequence NFKC would compose.
    lowered = unicodedata.normalize("NFKC", email.strip()).lower()
    return unicodedata.normalize("NFKC", lowered)


def slug_of(email: str, suffix: str) -> str:
    """The mail's local part in plain letters, then the suffix."""
    local = unicodedata.normalize("NFKD", email.partition("@")[0])
    stem = re.sub(r"[^a-z0-9]+", "-", local.encode("ascii", "ignore").decode().lower())
    return f"{stem.strip('-')[:MAX_SLUG_STEM] or 'workspace'}-{suffix}"


def workspace_name_of(member_name: str) -> str:
    return f"{member_name}'s Workspace"
