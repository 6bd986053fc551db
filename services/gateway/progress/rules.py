"""Who sees which fact live, and which facts end what a caller has open. Pure decisions."""

from contracts import identity
from contracts.caller import Caller
from contracts.event import Event

MONEY = frozenset({"billing", "affiliate"})
"""Publishers whose facts only owners and administrators of a workspace may see."""
SCOPES: dict[str, frozenset[str]] = {
    "identity": frozenset({"workspace:read", "members:read"}),
    "imaging": frozenset({"projects:read", "images:read"}),
    "video": frozenset({"videos:read"}),
    "billing": frozenset({"payments:read", "invoices:read"}),
    "affiliate": frozenset({"affiliate:read"}),
}
ABOUT_A_MEMBER = (identity.SessionsRevoked, identity.MemberRemoved, identity.MemberRoleChanged)
ABOUT_A_WORKSPACE = (
    identity.WorkspacePlanChanged,
    identity.WorkspaceSuspended,
    identity.WorkspaceReinstated,
    identity.WorkspaceDeleted,
)
CHANGES_CALLERS: dict[str, type[Event]] = {
    event.routing_key: event for event in (*ABOUT_A_MEMBER, *ABOUT_A_WORKSPACE)
}


def can_see(caller: Caller, routing_key: str) -> bool:
    """A member sees no billing; an API key sees what its scopes may read."""
    publisher = routing_key.partition(".")[0]
    if publisher in MONEY and caller.role == "member":
        return False
    return caller.scopes is None or not caller.scopes.isdisjoint(SCOPES.get(publisher, ()))


def is_stale(caller: Caller, event: Event) -> bool:
    """Whether what we know of the caller may be wrong after this fact."""
    if isinstance(event, ABOUT_A_MEMBER):
        return event.member_id in (caller.member_id, caller.impersonator_id)
    return caller.workspace_id == event.workspace_id


def ends_stream(caller: Caller, event: Event) -> bool:
    """Like `is_stale`, but revoking one session leaves the member's other ones open."""
    if isinstance(event, identity.SessionsRevoked) and event.session_ids:
        shown = {caller.session_id, caller.api_key_id}
        return is_stale(caller, event) and not shown.isdisjoint(event.session_ids)
    return is_stale(caller, event)
