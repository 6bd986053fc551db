"""Reactions to what becomes of workspaces."""

from chassis.consumers import Consumers
from chassis.database import Database
from chassis.storage import Storage
from contracts.identity import WorkspaceDeleted
from services.identity.workspaces.rules import branding_files

consumers = Consumers("identity")


@consumers.on(WorkspaceDeleted)
async def erase_branding(event: WorkspaceDeleted, database: Database, storage: Storage) -> None:
    await storage.delete_prefix(branding_files(event.workspace_id))
