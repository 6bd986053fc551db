"""Who may see whom, invite whom, and give which role."""

from datetime import datetime

from contracts.caller import Caller, Role
from services.identity.workspaces.rules import has_scope

RANK: dict[Role, int] = {"member": 0, "admin": 1, "owner": 2}


def can_see_members(caller: Caller) -> bool:
    """Everybody knows their colleagues; a key needs the scope."""
    return has_scope(caller, "members:read")


def can_manage_members(caller: Caller) -> bool:
    """The owner and administrators; a key needs the scope."""
    return caller.role in ("owner", "admin") and has_scope(caller, "members:write")


def can_give(caller_role: Role, role: Role) -> bool:
    """Nobody gives more than they have, and ownership is not given but transferred."""
    return role != "owner" and RANK[role] <= RANK[caller_role]


def invitation_state(
    *,
    accepted_at: datetime | None,
    revoked_at: datetime | None,
    expires_at: datetime,
    now: datetime,
) -> str:
    """open, accepted, revoked or expired."""
    if accepted_at is not None:
        return "accepted"
    if revoked_at is not None:
        return "revoked"
    return "open" if now < expires_at else "expired"
