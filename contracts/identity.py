"""Facts the identity service publishes."""

from uuid import UUID

from pydantic import EmailStr

from contracts.caller import Plan, Role, WorkspaceStatus
from contracts.event import Event


class WorkspaceCreated(Event):
    """Somebody signed up; their workspace exists on the free plan."""

    routing_key = "identity.workspace_created.v1"

    name: str
    owner_id: UUID
    plan: Plan
    status: WorkspaceStatus
    referral_code: str | None = None


class WorkspaceOnboarded(Event):
    """The company told us who it is; the organisation number passed mod-11."""

    routing_key = "identity.workspace_onboarded.v1"

    name: str
    organization_number: str
    contact_email: EmailStr
    contact_person: str


class WorkspaceBranded(Event):
    """The workspace chose its logo or colours (#RRGGBB)."""

    routing_key = "identity.workspace_branded.v1"

    logo_key: str | None = None
    primary_color: str | None = None
    secondary_color: str | None = None


class WorkspacePlanChanged(Event):
    """An administrator, or the end of a trial, changed plan or status."""

    routing_key = "identity.workspace_plan_changed.v1"

    plan: Plan
    status: WorkspaceStatus


class WorkspaceSuspended(Event):
    """Reading stays possible; nothing new may start."""

    routing_key = "identity.workspace_suspended.v1"

    reason: str


class WorkspaceReinstated(Event):
    """The suspension is over."""

    routing_key = "identity.workspace_reinstated.v1"

    status: WorkspaceStatus


class WorkspaceDeleted(Event):
    """The owner closed the workspace; accounting rows stay."""

    routing_key = "identity.workspace_deleted.v1"


class MemberJoined(Event):
    """A person became a member of the workspace."""

    routing_key = "identity.member_joined.v1"

    member_id: UUID
    role: Role


class MemberRoleChanged(Event):
    """A member may now do more or less."""

    routing_key = "identity.member_role_changed.v1"

    member_id: UUID
    role: Role


class MemberRemoved(Event):
    """A person is no longer a member."""

    routing_key = "identity.member_removed.v1"

    member_id: UUID


class SessionsRevoked(Event):
    """These sessions, or all of the member's when none is named, are over."""

    routing_key = "identity.sessions_revoked.v1"

    member_id: UUID
    session_ids: tuple[UUID, ...] = ()
