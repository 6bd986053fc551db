"""What crosses HTTP about administration."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from chassis.bodies import NOT_TEXT, Body
from contracts.caller import Plan, Role, WorkspaceStatus
from contracts.event import Actor
from services.identity.workspaces.rules import NOT_BLANK, PLAIN_TEXT
from services.identity.workspaces.schemas import Moment, WorkspaceView

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=NOT_BLANK),
]
Words = Annotated[str, StringConstraints(max_length=100, pattern=PLAIN_TEXT)]


class ChangeStanding(Body):
    """What is left out stays; a suspension needs the reason."""

    plan: Plan | None = None
    status: WorkspaceStatus | None = None
    trial_ends_at: Moment | None = None
    """Of a trial that begins or goes on; without it a new one lasts the usual time."""
    reason: Reason | None = None


class AdminWorkspaceView(WorkspaceView):
    """A workspace as system administrators see it."""

    suspended_at: datetime | None
    suspended_reason: str | None
    invited_by_admin: bool
    updated_at: datetime


class AdminWorkspaceList(BaseModel):
    """One page of workspaces, newest first."""

    items: list[AdminWorkspaceView]
    next_cursor: str | None = None


class WorkspaceSearch(BaseModel):
    """What an administrator looks for; everything given must match."""

    q: Words | None = None
    plan: Plan | None = None
    status: WorkspaceStatus | None = None
    limit: int = Field(default=50, ge=1, le=100)
    cursor: UUID | None = None


class AdminUserView(BaseModel):
    """A person as system administrators see them."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    workspace_id: UUID | None
    name: str
    email: str
    email_verified: bool
    role: Role
    is_system_admin: bool
    banned: bool
    ban_reason: str | None
    ban_expires_at: datetime | None
    created_at: datetime


class AdminUserList(BaseModel):
    """One page of people, newest first."""

    items: list[AdminUserView]
    next_cursor: str | None = None


class UserSearch(BaseModel):
    """Whom an administrator looks for; everything given must match."""

    q: Words | None = None
    workspace_id: UUID | None = None
    banned: bool | None = None
    is_system_admin: bool | None = None
    limit: int = Field(default=50, ge=1, le=100)
    cursor: UUID | None = None


class Ban(Body):
    """Why, and until when; without an end it stays until lifted."""

    reason: Reason
    expires_at: Moment | None = None


class ChangeUser(Body):
    """Make somebody a system administrator, or no longer."""

    is_system_admin: StrictBool
    reason: Reason


class Impersonate(Body):
    """Why, and for how long at most."""

    reason: Reason
    minutes: Annotated[int, Field(ge=1, le=60), NOT_TEXT] = 30


class ImpersonationView(BaseModel):
    """The cookie now acts as the member; keep `return_token` to come back to your own session."""

    member_id: UUID
    workspace_id: UUID
    expires_at: datetime
    return_token: str


class StopImpersonation(Body):
    """Without the token the impersonation just ends, and the administrator signs in again."""

    return_token: Annotated[str, StringConstraints(max_length=100)] | None = None


class PassedOn(Body):
    """A call of an administrator, or of one who impersonates, that the gateway will pass on."""

    workspace_id: UUID
    member_id: UUID
    impersonator_id: UUID | None
    method: Annotated[str, StringConstraints(max_length=20)]
    path: Annotated[str, StringConstraints(max_length=2048, pattern=r"^/[\x21-\x3e\x40-\x7e]*$")]
    """Encoded as it came, without the query."""
    request_id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]

    @property
    def actor(self) -> Actor:
        if self.impersonator_id is None:
            return Actor(kind="administrator", id=self.member_id)
        return Actor(kind="administrator", id=self.impersonator_id, on_behalf_of=self.member_id)


class AuditFilter(BaseModel):
    """Which lines; everything given must match, `action` by its beginning."""

    action: Words | None = None
    actor_id: UUID | None = None
    subject_id: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None


class AuditPage(AuditFilter):
    """A page of the log."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")] | None = None


class AuditEntryView(BaseModel):
    """One line; `hash` covers the line and the hash before it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    position: int
    occurred_at: datetime
    actor: dict[str, str | None]
    action: str
    subject_id: UUID
    details: dict[str, object]
    hash: str


class AuditList(BaseModel):
    """One page of the log, newest first."""

    items: list[AuditEntryView]
    next_cursor: str | None = None


class AuditProof(BaseModel):
    """Whether every line is as it was written, and if not, where the chain first breaks."""

    intact: bool
    entries: int
    broken_at: int | None = None
