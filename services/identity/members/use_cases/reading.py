"""Verbs: read who I am and who else is here, and edit what is mine."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden
from contracts.caller import Caller
from services.identity.members import repository, rules
from services.identity.members.schemas import EditMe, MemberView, MeView
from services.identity.sessions.use_cases.own import must_be_own
from services.identity.tables import UserRow
from services.identity.workspaces.repository import get_workspace
from services.identity.workspaces.schemas import WorkspaceView


async def read_me(session: AsyncSession, caller: Caller) -> MeView:
    member = await repository.get_member(session, caller.workspace_id, caller.member_id)
    workspace = await get_workspace(session, caller.workspace_id)
    return MeView(
        member=MemberView.model_validate(member),
        workspace=WorkspaceView.model_validate(workspace),
        impersonator_id=caller.impersonator_id,
    )


async def list_members(
    session: AsyncSession, caller: Caller, *, limit: int, before: UUID | None
) -> list[UserRow]:
    if not rules.can_see_members(caller):
        raise Forbidden
    return await repository.list_members(session, caller.workspace_id, limit=limit, before=before)


async def edit_me(session: AsyncSession, caller: Caller, body: EditMe) -> MeView:
    """Name and language; what lets people in has doors of its own."""
    must_be_own(caller)
    member = await repository.get_member_locked(session, caller.workspace_id, caller.member_id)
    for column, value in body.model_dump(exclude_none=True).items():
        setattr(member, column, value)
    await session.flush()
    return await read_me(session, caller)
