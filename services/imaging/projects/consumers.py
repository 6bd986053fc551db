"""Door: payments start projects; deleted projects and workspaces are cleared away."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumers import Consumers
from chassis.database import Database
from chassis.storage import Storage
from contracts.billing import ProjectPaid
from contracts.identity import WorkspaceDeleted
from services.imaging.attempts.repository import list_cancelled
from services.imaging.notes import ProjectRemoved
from services.imaging.projects import use_cases
from services.imaging.providers.base import Generator
from services.imaging.settings import Settings
from services.imaging.uploads.rules import folder_of

consumers = Consumers("imaging")


@consumers.on(ProjectPaid)
async def start_paid_project(event: ProjectPaid, session: AsyncSession, settings: Settings) -> None:
    if event.billable_kind == "photo_project":
        await use_cases.pay_project(session, event, settings)


@consumers.on(WorkspaceDeleted)
async def close_workspace(event: WorkspaceDeleted, session: AsyncSession) -> None:
    await use_cases.close_workspace(session, event.workspace_id)


@consumers.on(ProjectRemoved)
async def erase_project(
    event: ProjectRemoved, database: Database, storage: Storage, generator: Generator
) -> None:
    async with database.transaction(event) as session:
        requests = await list_cancelled(session, event.workspace_id, event.project_id)
    for model, request_id in requests:
        await generator.cancel(model, request_id)
    await storage.delete_prefix(folder_of(event.workspace_id, event.project_id))
    async with database.transaction(event) as session:
        await use_cases.erase_project(session, event.workspace_id, event.project_id)
