"""Verbs of the look: choose colours, upload a logo, take it away."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.database import Database
from chassis.outbox import emit
from chassis.storage import ObjectMissing, ObjectTooLarge, Storage
from contracts.caller import Caller
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import LogoRefused, NotUploaded, NotWhileImpersonating, PlanTooSmall
from services.identity.letters import look_of
from services.identity.providers.logos import Logo, LogoBroken, Logos
from services.identity.settings import Settings
from services.identity.tables import WorkspaceRow
from services.identity.workspaces import repository, rules
from services.identity.workspaces.schemas import (
    BrandingView,
    Colors,
    ContrastView,
    CreateLogoUpload,
    LogoUploadView,
)
from services.identity.workspaces.use_cases.settings import may_edit, read_workspace

LOGO_URL_SECONDS = 3600


def contrast_of(color: str) -> ContrastView:
    with_white = rules.contrast(color, "#FFFFFF")
    return ContrastView(
        color=color,
        with_white=round(with_white, 2),
        with_black=round(rules.contrast(color, "#000000"), 2),
        text_color=rules.readable_on(color),
        as_text_on_white_passes_aa=with_white >= rules.AA_TEXT,
    )


async def show_branding(database: Database, storage: Storage, caller: Caller) -> BrandingView:
    async with database.transaction(caller) as session:
        row = await read_workspace(session, caller)
    return await view_of(storage, row)


async def view_of(storage: Storage, row: WorkspaceRow) -> BrandingView:
    logo_url = None
    if row.logo_key is not None:
        logo_url = await storage.sign_get(row.logo_key, seconds=LOGO_URL_SECONDS)
    colors = [color for color in (row.primary_color, row.secondary_color) if color]
    return BrandingView(
        logo_url=logo_url,
        primary_color=row.primary_color,
        secondary_color=row.secondary_color,
        contrast=[contrast_of(color) for color in colors],
        applies=row.plan == "enterprise",
    )


def _may_brand(caller: Caller) -> None:
    may_edit(caller)
    if caller.plan != "enterprise":
        raise PlanTooSmall


async def choose_colors(session: AsyncSession, caller: Caller, body: Colors) -> WorkspaceRow:
    _may_brand(caller)
    row = await repository.get_workspace_locked(session, caller.workspace_id)
    row.primary_color, row.secondary_color = body.primary_color, body.secondary_color
    await _tell(session, row, "workspace.branded", body.model_dump())
    return row


async def remove_logo(session: AsyncSession, caller: Caller) -> None:
    """The file stays until the workspace goes: mails and films on their way still show it."""
    may_edit(caller)
    if caller.impersonator_id is not None:
        raise NotWhileImpersonating
    row = await repository.get_workspace_locked(session, caller.workspace_id)
    if row.logo_key is not None:
        row.logo_key = None
        await _tell(session, row, "workspace.logo_removed", {})


async def _tell(
    session: AsyncSession, row: WorkspaceRow, action: str, details: dict[str, object]
) -> None:
    await session.flush()
    await record_audit(session, row.id, action, row.id, details)
    await emit(session, look_of(row))


@dataclass(frozen=True)
class LogoUploads:
    """What an upload needs of the outside world."""

    database: Database
    storage: Storage
    logos: Logos
    settings: Settings

    async def create(self, caller: Caller, body: CreateLogoUpload) -> LogoUploadView:
        """A signed address for exactly this type and size; raises LogoRefused."""
        _may_brand(caller)
        if body.size_bytes > self.settings.logo_max_bytes:
            raise LogoRefused(reason="too_large", max_bytes=self.settings.logo_max_bytes)
        upload_id = uuid7()
        url = await self.storage.sign_put(
            rules.logo_upload_key(caller.workspace_id, upload_id),
            content_type=body.content_type,
            size_bytes=body.size_bytes,
            seconds=self.settings.logo_upload_seconds,
        )
        headers = {"content-type": body.content_type, "content-length": str(body.size_bytes)}
        return LogoUploadView(upload_id=upload_id, url=url, headers=headers)

    async def confirm(self, caller: Caller, upload_id: UUID) -> WorkspaceRow:
        """Redraw the file and use it; raises NotUploaded, LogoRefused. What was sent is erased."""
        _may_brand(caller)
        # Nobody names a key: it is made of the caller's own workspace.
        key = rules.logo_upload_key(caller.workspace_id, upload_id)
        try:
            logo = await self._redrawn(key)
        except LogoRefused:
            # Not for NotUploaded: a colleague's file may wait for its own confirmation.
            await self.storage.delete_prefix(rules.logo_uploads(caller.workspace_id))
            raise
        await self.storage.delete_prefix(rules.logo_uploads(caller.workspace_id))
        logo_key = rules.logo_key(caller.workspace_id, upload_id)
        await self.storage.write(logo_key, logo.data, content_type="image/png")
        async with self.database.transaction(caller) as session:
            row = await repository.get_workspace_locked(session, caller.workspace_id)
            row.logo_key = logo_key
            details = {"width": logo.width, "height": logo.height}
            await _tell(session, row, "workspace.logo_chosen", {**details})
        return row

    async def _redrawn(self, key: str) -> Logo:
        try:
            data = await self.storage.read(key, max_bytes=self.settings.logo_max_bytes)
            return await self.logos.redraw(data)
        except ObjectMissing as error:
            raise NotUploaded from error
        except ObjectTooLarge as error:
            raise LogoRefused(reason="too_large") from error
        except LogoBroken as error:
            raise LogoRefused(reason=error.reason) from error
