"""The end card is drawn once for each look of a workspace, before any film asks for it."""

import asyncio
import hashlib

import structlog
from PIL import UnidentifiedImageError

from chassis.database import Database, SystemScope
from chassis.storage import ObjectMissing, ObjectTooLarge, Storage
from contracts.identity import WorkspaceBranded, WorkspaceDeleted
from services.video.branding import repository, rules
from services.video.rendering.rules import Card

log = structlog.get_logger()

MAX_LOGO_BYTES = 10 * 1024 * 1024


async def prepare_card(event: WorkspaceBranded, database: Database, storage: Storage) -> None:
    """Repeatable: the same look gives the same file under the same key."""
    card = await _drawn(event, storage)
    async with database.transaction(event) as session:
        await repository.save_card(session, event.workspace_id, card, event.occurred_at)


async def _drawn(event: WorkspaceBranded, storage: Storage) -> Card | None:
    if event.logo_key is None:
        return None
    try:
        logo = await storage.read(event.logo_key, max_bytes=MAX_LOGO_BYTES)
        picture = await asyncio.to_thread(
            rules.draw_card, logo, event.primary_color, event.secondary_color
        )
    except (ObjectMissing, ObjectTooLarge, UnidentifiedImageError) as error:
        log.warning("branding.no_card", error=type(error).__name__)
        return None
    digest = hashlib.sha256(picture).hexdigest()
    key = f"{rules.folder_of(event.workspace_id)}card-{digest}.png"
    await storage.write(key, picture, content_type="image/png")
    return Card(key, digest)


async def erase_cards(event: WorkspaceDeleted, database: Database, storage: Storage) -> None:
    await storage.delete_prefix(rules.folder_of(event.workspace_id))
    async with database.transaction(SystemScope(event.workspace_id)) as session:
        await repository.forget_brand(session, event.workspace_id)
