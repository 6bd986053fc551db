"""Verbs: send a letter once, hear what became of it, show what mails look like."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from chassis.database import Database
from chassis.storage import ObjectMissing, ObjectTooLarge, Storage
from contracts.private import Letter
from services.notifications.mails import repository, rules
from services.notifications.providers.resend import LOGO, MailRefused, Outgoing, Resend
from services.notifications.rendering import render
from services.notifications.settings import Settings
from services.notifications.tables import DeliveryRow

log = structlog.get_logger()

LOGO_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Post:
    """What sending needs of the outside world."""

    resend: Resend
    storage: Storage
    settings: Settings


async def send_letter(letter: Letter, database: Database, post: Post) -> None:
    """Once, however often the fact is delivered; raises MailTransient to be tried again."""
    delivery = await _claim(letter, database)
    if delivery is None:
        return
    logo = await _logo_of(letter, post.storage)
    mail = render(letter, public_url=post.settings.public_url, logo=f"cid:{LOGO}" if logo else None)
    outgoing = Outgoing(
        to=letter.to,
        mail=mail,
        idempotency_key=f"{letter.event_id}/{delivery.template}",
        tags={"delivery_id": str(delivery.id), "template": delivery.template},
        logo=logo,
    )
    try:
        provider_id = await post.resend.send(outgoing)
    except MailRefused as refused:
        log.warning("mail.refused", delivery_id=str(delivery.id), reason=refused.code)
        await _settle(letter, database, delivery.id, "refused", reason=refused.code)
        return
    await _settle(letter, database, delivery.id, "sent", provider_id=provider_id)


async def _claim(letter: Letter, database: Database) -> DeliveryRow | None:
    """The delivery to make now; None when it was made, is too late, or the mailbox is dead."""
    wanted = DeliveryRow(
        id=uuid7(),
        event_id=letter.event_id,
        template=rules.template_of(letter),
        recipient=letter.to.lower(),
        language=letter.language,
    )
    async with database.transaction(letter) as session:
        row = await repository.claim(session, letter.workspace_id, wanted)
        if row.status != "queued":
            return None
        if rules.is_too_late(letter, datetime.now(UTC)):
            await repository.settle(session, letter.workspace_id, row.id, "expired")
            return None
        if await repository.is_suppressed(session, row.recipient):
            await repository.settle(session, letter.workspace_id, row.id, "suppressed")
            return None
    return row


async def _settle(
    letter: Letter, database: Database, delivery_id: UUID, status: str, **values: object
) -> None:
    async with database.transaction(letter) as session:
        await repository.settle(session, letter.workspace_id, delivery_id, status, **values)


async def _logo_of(letter: Letter, storage: Storage) -> bytes | None:
    if letter.brand.logo_key is None:
        return None
    try:
        return await storage.read(letter.brand.logo_key, max_bytes=LOGO_MAX_BYTES)
    except (ObjectMissing, ObjectTooLarge):
        # The mail matters more than its picture.
        return None


async def hear(database: Database, event: dict[str, Any]) -> None:
    """What the provider says became of a mail; in any order, and more than once."""
    kind, data = str(event.get("type")), event.get("data")
    status = rules.FATES.get(kind)
    delivery_id = _delivery_of(data)
    if status is None or delivery_id is None or not isinstance(data, dict):
        return
    bounce = data.get("bounce")
    bounce_type = str(bounce.get("type")) if isinstance(bounce, dict) else None
    async with database.across_workspaces() as session:
        delivery = await repository.find_delivery(session, delivery_id)
        if delivery is None:
            return
        await repository.settle(
            session, delivery.workspace_id, delivery.id, status, reason=bounce_type
        )
        final = rules.is_final_for_address(kind, bounce_type)
        if final is not None:
            await repository.suppress(session, delivery.recipient, final)


def _delivery_of(data: Any) -> UUID | None:
    tags = data.get("tags") if isinstance(data, dict) else None
    try:
        return UUID(str(tags["delivery_id"])) if isinstance(tags, dict) else None
    except (KeyError, ValueError):
        return None
