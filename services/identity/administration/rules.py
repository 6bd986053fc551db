"""What an administrator's change means, and the hash that chains the log."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.caller import Caller, Plan, WorkspaceStatus

FIRST_PREVIOUS_HASH = bytes(32)
ADMINISTRATION_CALL = "administration.call"
_ID = re.compile(r"(?<=/)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=/|$)", re.IGNORECASE)


def entry_hash(previous_hash: bytes, entry: Mapping[str, Any]) -> bytes:
    """SHA-256 over the line before and this line as canonical JSON."""
    canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous_hash + canonical.encode()).digest()


@dataclass(frozen=True)
class Standing:
    """A workspace's plan and status together."""

    plan: Plan
    status: WorkspaceStatus


@dataclass(frozen=True)
class StandingChange:
    """Which facts follow from a change of standing."""

    plan_changed: bool
    suspended: bool
    reinstated: bool

    @property
    def anything(self) -> bool:
        return self.plan_changed or self.suspended or self.reinstated


def change_of(before: Standing, after: Standing) -> StandingChange:
    """Suspension and its end have facts of their own; every other difference is the plan's."""
    suspended = before.status != "suspended" and after.status == "suspended"
    reinstated = before.status == "suspended" and after.status != "suspended"
    moved = before.status != after.status and not suspended and not reinstated
    return StandingChange(before.plan != after.plan or moved, suspended, reinstated)


def can_read_log(caller: Caller) -> bool:
    """The people who run the workspace; no program."""
    return caller.role in ("owner", "admin") and caller.api_key_id is None


def subject_of(path: str) -> UUID | None:
    """The last thing that a path names by its id."""
    found = _ID.findall(path)
    return UUID(found[-1]) if found else None


def csv_cell(value: str) -> str:
    """A spreadsheet runs what begins like a formula; a quote before it makes it text."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
