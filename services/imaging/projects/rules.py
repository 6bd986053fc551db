"""Decisions about a photo project; no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from chassis.errors import Forbidden
from contracts.caller import Caller
from services.imaging.errors import WorkspaceSuspended

Area = Literal["projects", "images"]
"""What an API key's scope is about: a project itself, or the pictures in it."""


@dataclass(frozen=True)
class Tally:
    """A project's status and counts, derived from the newest version of each image."""

    status: str
    image_count: int
    completed_count: int
    failed_count: int


def tally_of(statuses: Sequence[str]) -> Tally:
    """`statuses` are those of the newest versions, one for each image."""
    completed = statuses.count("completed")
    failed = statuses.count("failed")
    return Tally(_status_of(statuses, completed, failed), len(statuses), completed, failed)


def _status_of(statuses: Sequence[str], completed: int, failed: int) -> str:
    if all(status == "pending" for status in statuses):
        return "pending"
    if completed + failed < len(statuses):
        return "processing"
    return "failed" if failed else "completed"


def progress_of(tally: Tally, *, paid: bool) -> tuple[str, str, int]:
    """Step, label and per cent."""
    done = tally.completed_count + tally.failed_count
    if tally.status == "pending":
        label = "Paid; waiting for photos or room types" if paid else "Waiting for payment"
        return ("waiting", label, 0)
    if tally.status == "processing":
        label = f"Enhancing images… {done} of {tally.image_count}"
        return ("processing", label, max(5, 100 * done // tally.image_count))
    if tally.status == "completed":
        return ("completed", f"{tally.completed_count} images enhanced", 100)
    return ("failed", f"{tally.failed_count} of {tally.image_count} images failed", 100)


def may_read(caller: Caller, area: Area = "projects") -> None:
    """Everyone in the workspace; a key needs the scope."""
    _has_scope(caller, f"{area}:read")


def may_create(caller: Caller, area: Area = "projects") -> None:
    """Every role, unless the workspace is suspended."""
    _has_scope(caller, f"{area}:write")
    if caller.workspace_status == "suspended":
        raise WorkspaceSuspended


def may_edit(caller: Caller, member_id: UUID, area: Area = "projects") -> None:
    """Owners and administrators all, members their own; `member_id` made it."""
    may_create(caller, area)
    if caller.role == "member" and caller.member_id != member_id:
        raise Forbidden("Members edit only their own projects")


def may_delete(caller: Caller, member_id: UUID) -> None:
    """As editing, but never in another's name."""
    may_edit(caller, member_id)
    if caller.impersonator_id is not None:
        raise Forbidden("Nothing is deleted while impersonating")


def may_manage(caller: Caller) -> None:
    """What concerns the whole workspace."""
    may_create(caller)
    if caller.role == "member":
        raise Forbidden


def _has_scope(caller: Caller, scope: str) -> None:
    if caller.scopes is not None and scope not in caller.scopes:
        raise Forbidden(f"The API key lacks the scope {scope}")


def most_projects(plan: str, free_limit: int) -> int | None:
    """How many a workspace may make in all, deleted ones included; None is unlimited."""
    return free_limit if plan == "free" else None


def is_ready(project_room: str | None, image_rooms: Sequence[str | None]) -> bool:
    """At least one image, and every image has a room type of its own or the project's."""
    return bool(image_rooms) and all(room or project_room for room in image_rooms)


def can_retry(status: str, failed_count: int) -> bool:
    """Nothing is open and something failed."""
    return status == "failed" and failed_count > 0


def may_retry_free(
    completed_count: int, started_at: datetime | None, now: datetime, days: int
) -> bool:
    """Within the days; never when all failed, because then the money went back."""
    if completed_count == 0 or started_at is None:
        return False
    return now - started_at <= timedelta(days=days)
