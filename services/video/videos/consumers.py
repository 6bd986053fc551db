"""Door: facts that start a video or end its workspace, and the note that erases a deleted one."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumers import Consumers
from chassis.database import Database
from chassis.storage import Storage
from contracts.billing import ProjectPaid
from contracts.identity import WorkspaceDeleted
from services.video.generation import use_cases as generation
from services.video.notes import ErasureDue
from services.video.providers.base import ClipGenerator
from services.video.videos import use_cases

consumers = Consumers("video")


@consumers.on(ProjectPaid)
async def start_paid_video(event: ProjectPaid, session: AsyncSession) -> None:
    if event.billable_kind == "video":
        await use_cases.start_video(
            session, event.workspace_id, event.billable_id, event.payment_id
        )


@consumers.on(WorkspaceDeleted)
async def close_workspace(event: WorkspaceDeleted, session: AsyncSession) -> None:
    await use_cases.close_workspace(session, event.workspace_id)


@consumers.on(ErasureDue)
async def erase_files(
    event: ErasureDue, database: Database, storage: Storage, generator: ClipGenerator
) -> None:
    await generation.cancel_open(database, generator, event.workspace_id, event.video_id)
    await storage.delete_prefix(f"workspaces/{event.workspace_id}/videos/{event.video_id}/")
