"""Door: facts about how a workspace looks."""

from chassis.consumers import Consumers
from chassis.database import Database
from chassis.storage import Storage
from contracts.identity import WorkspaceBranded, WorkspaceDeleted
from services.video.branding import use_cases

consumers = Consumers("video")


@consumers.on(WorkspaceBranded)
async def draw_end_card(event: WorkspaceBranded, database: Database, storage: Storage) -> None:
    await use_cases.prepare_card(event, database, storage)


@consumers.on(WorkspaceDeleted)
async def erase_end_cards(event: WorkspaceDeleted, database: Database, storage: Storage) -> None:
    await use_cases.erase_cards(event, database, storage)
