"""What crosses HTTP about members."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, EmailStr

from chassis.bodies import Body
from contracts.caller import Role
from contracts.private import Language
from services.identity.accounts.schemas import MailToken, PersonName
from services.identity.workspaces.schemas import WorkspaceView

GivenRole = Literal["admin", "member"]


class MemberView(BaseModel):
    """A person of the workspace."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    workspace_id: UUID
    name: str
    email: str
    email_verified: bool
    image: str | None
    language: Language
    role: Role
    is_system_admin: bool
    created_at: datetime


class MemberList(BaseModel):
    """One page of members, newest first."""

    items: list[MemberView]
    next_cursor: str | None = None


class MeView(BaseModel):
    """The caller, their workspace, and who is impersonating them if somebody is."""

    member: MemberView
    workspace: WorkspaceView
    impersonator_id: UUID | None = None


class EditMe(Body):
    """What is left out stays."""

    name: PersonName | None = None
    language: Language | None = None


class ChangeRole(Body):
    """Ownership is not given here: it is transferred."""

    role: GivenRole


class Invite(Body):
    """Whom, as what, and in which language the mail is; the inviter's when left out."""

    email: EmailStr
    role: GivenRole = "member"
    language: Language | None = None


class InvitationView(BaseModel):
    """An invitation; its secret is in the mail and nowhere else."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    role: GivenRole
    state: Literal["open", "accepted", "revoked", "expired"]
    invited_by: UUID | None
    created_at: datetime
    expires_at: datetime
    accepted_at: datetime | None


class InvitationList(BaseModel):
    """One page of invitations, newest first."""

    items: list[InvitationView]
    next_cursor: str | None = None


class LookUpInvitation(Body):
    """The secret of the mailed link."""

    token: MailToken


class InvitationOffer(BaseModel):
    """What the holder of the mail is offered."""

    workspace_name: str
    email: str
    role: GivenRole
    expires_at: datetime


class AcceptInvitation(Body):
    """The secret; and the id of the workspace one is ready to leave, once asked."""

    token: MailToken
    leave_workspace_id: UUID | None = None
