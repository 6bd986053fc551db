"""Doors: me, my colleagues, and those we invite."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from chassis.caller import CallerDep
from chassis.database import DatabaseDep, SystemScope
from services.identity.dependencies import OriginDep, SessionCookieDep, SettingsDep, acting
from services.identity.members import rules
from services.identity.members.schemas import (
    AcceptInvitation,
    ChangeRole,
    EditMe,
    InvitationList,
    InvitationOffer,
    InvitationView,
    Invite,
    LookUpInvitation,
    MemberList,
    MemberView,
    MeView,
)
from services.identity.members.use_cases import inviting, joining, reading, team
from services.identity.sessions.use_cases.own import start_session
from services.identity.tables import InvitationRow

router = APIRouter(prefix="/v1/members", tags=["members"])
invitations = APIRouter(prefix="/v1/invitations", tags=["invitations"])

Limit = Annotated[int, Query(ge=1, le=100)]


@router.get("/me")
async def read_me(caller: CallerDep, database: DatabaseDep) -> MeView:
    async with database.transaction(caller) as session:
        return await reading.read_me(session, caller)


@router.patch("/me")
async def edit_me(body: EditMe, caller: CallerDep, database: DatabaseDep) -> MeView:
    async with database.transaction(caller) as session:
        return await reading.edit_me(session, caller, body)


@router.get("")
async def list_members(
    caller: CallerDep, database: DatabaseDep, limit: Limit = 50, cursor: UUID | None = None
) -> MemberList:
    async with database.transaction(caller) as session:
        rows = await reading.list_members(session, caller, limit=limit + 1, before=cursor)
    items = [MemberView.model_validate(row) for row in rows[:limit]]
    return MemberList(items=items, next_cursor=str(items[-1].id) if len(rows) > limit else None)


@router.patch("/{member_id}")
async def change_role(
    member_id: UUID, body: ChangeRole, caller: CallerDep, database: DatabaseDep
) -> MemberView:
    """The member signs in again, with the new role."""
    async with database.transaction(caller) as session:
        return MemberView.model_validate(await team.change_role(session, caller, member_id, body))


@router.delete("/{member_id}", status_code=204)
async def remove_member(member_id: UUID, caller: CallerDep, database: DatabaseDep) -> None:
    """Somebody else, or oneself: whoever leaves keeps their account without this workspace."""
    async with acting(database, caller.actor) as session:
        await team.remove_member(session, caller, member_id)


@router.post("/{member_id}/ownership")
async def transfer_ownership(
    member_id: UUID,
    response: Response,
    caller: CallerDep,
    database: DatabaseDep,
    cookie: SessionCookieDep,
) -> MemberView:
    """The new owner signs in again; the caller's browser gets a new token."""
    async with database.transaction(caller) as session:
        owner, token = await team.transfer_ownership(session, caller, member_id)
    if token is not None:
        cookie.set(response, token)
    return MemberView.model_validate(owner)


async def get_invitations(settings: SettingsDep) -> inviting.Invitations:
    return inviting.Invitations(timedelta(days=settings.invitation_days))


InvitationsDep = Annotated[inviting.Invitations, Depends(get_invitations)]


@invitations.post("", status_code=201)
async def invite(
    body: Invite, caller: CallerDep, database: DatabaseDep, mailed: InvitationsDep
) -> InvitationView:
    async with database.transaction(caller) as session:
        return _view(await mailed.invite(session, caller, body))


@invitations.get("")
async def list_invitations(
    caller: CallerDep, database: DatabaseDep, limit: Limit = 50, cursor: UUID | None = None
) -> InvitationList:
    async with database.transaction(caller) as session:
        rows = await inviting.list_invitations(session, caller, limit=limit + 1, before=cursor)
    items = [_view(row) for row in rows[:limit]]
    more = len(rows) > limit
    return InvitationList(items=items, next_cursor=str(items[-1].id) if more else None)


@invitations.post("/look-up")
async def look_up_invitation(body: LookUpInvitation, database: DatabaseDep) -> InvitationOffer:
    """What the mail offers; nobody need be signed in."""
    return await inviting.look_up(database, body.token)


@invitations.post("/accept")
async def accept_invitation(
    body: AcceptInvitation,
    response: Response,
    caller: CallerDep,
    database: DatabaseDep,
    origin: OriginDep,
    cookie: SessionCookieDep,
) -> MeView:
    """For who has an account; others sign up with the invitation's token."""
    async with acting(database, caller.actor) as session:
        workspace_id = await joining.accept_invitation(session, caller, body)
    async with database.transaction(SystemScope(workspace_id, caller.actor)) as session:
        cookie.set(response, await start_session(session, workspace_id, caller.member_id, origin))
        moved = caller.model_copy(update={"workspace_id": workspace_id})
        return await reading.read_me(session, moved)


@invitations.post("/{invitation_id}/resend")
async def resend_invitation(
    invitation_id: UUID, caller: CallerDep, database: DatabaseDep, mailed: InvitationsDep
) -> InvitationView:
    async with database.transaction(caller) as session:
        return _view(await mailed.resend(session, caller, invitation_id))


@invitations.delete("/{invitation_id}", status_code=204)
async def revoke_invitation(invitation_id: UUID, caller: CallerDep, database: DatabaseDep) -> None:
    async with database.transaction(caller) as session:
        await inviting.revoke_invitation(session, caller, invitation_id)


def _view(row: InvitationRow) -> InvitationView:
    state = rules.invitation_state(
        accepted_at=row.accepted_at,
        revoked_at=row.revoked_at,
        expires_at=row.expires_at,
        now=datetime.now(UTC),
    )
    known = {name: getattr(row, name) for name in InvitationView.model_fields if name != "state"}
    return InvitationView.model_validate({**known, "state": state})
