"""Reactions to what identity says of workspaces."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumers import Consumers
from contracts.identity import WorkspaceCreated, WorkspaceOnboarded, WorkspacePlanChanged
from services.affiliate.relationships import repository, use_cases

consumers = Consumers("affiliate")


@consumers.on(WorkspaceCreated)
async def register_workspace(event: WorkspaceCreated, session: AsyncSession) -> None:
    await use_cases.register_workspace(session, event)


@consumers.on(WorkspaceOnboarded)
async def record_company(event: WorkspaceOnboarded, session: AsyncSession) -> None:
    await use_cases.record_company(session, event)


@consumers.on(WorkspacePlanChanged)
async def remember_plan(event: WorkspacePlanChanged, session: AsyncSession) -> None:
    await repository.remember_plan(session, event.workspace_id, event.plan, event.occurred_at)
