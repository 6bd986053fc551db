"""What billing keeps of identity's workspaces and of the work that can be paid for."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumers import Consumers
from contracts.identity import (
    WorkspaceCreated,
    WorkspaceOnboarded,
    WorkspacePlanChanged,
    WorkspaceReinstated,
    WorkspaceSuspended,
)
from contracts.imaging import ProjectCompleted, ProjectCreated
from contracts.video import ClipsCompiled, VideoCreated
from services.billing.pricing import repository, use_cases

consumers = Consumers("billing")


@consumers.on(WorkspaceCreated)
async def remember_workspace(event: WorkspaceCreated, session: AsyncSession) -> None:
    await use_cases.remember_profile(session, event)
    await use_cases.remember_plan(session, event)
    await use_cases.remember_status(session, event)


@consumers.on(WorkspaceOnboarded)
async def remember_company(event: WorkspaceOnboarded, session: AsyncSession) -> None:
    await use_cases.remember_profile(session, event)


@consumers.on(WorkspacePlanChanged)
async def remember_plan(event: WorkspacePlanChanged, session: AsyncSession) -> None:
    await use_cases.remember_plan(session, event)
    await use_cases.remember_status(session, event)


@consumers.on(WorkspaceSuspended)
async def remember_suspension(event: WorkspaceSuspended, session: AsyncSession) -> None:
    await use_cases.remember_status(session, event)


@consumers.on(WorkspaceReinstated)
async def remember_reinstatement(event: WorkspaceReinstated, session: AsyncSession) -> None:
    await use_cases.remember_status(session, event)


@consumers.on(ProjectCreated)
async def remember_project(event: ProjectCreated, session: AsyncSession) -> None:
    await repository.add_billable(
        session,
        event.workspace_id,
        "photo_project",
        event.project_id,
        name=event.name,
        member_id=event.member_id,
    )


@consumers.on(VideoCreated)
async def remember_video(event: VideoCreated, session: AsyncSession) -> None:
    await repository.add_billable(
        session,
        event.workspace_id,
        "video",
        event.video_id,
        name=event.name,
        member_id=event.member_id,
    )


@consumers.on(ProjectCompleted)
async def remember_delivered_project(event: ProjectCompleted, session: AsyncSession) -> None:
    await repository.add_delivery(
        session, event.workspace_id, "photo_project", event.project_id, event.occurred_at
    )


@consumers.on(ClipsCompiled)
async def remember_delivered_film(event: ClipsCompiled, session: AsyncSession) -> None:
    await repository.add_delivery(
        session, event.workspace_id, "video", event.video_id, event.occurred_at
    )
