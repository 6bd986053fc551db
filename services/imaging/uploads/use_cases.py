"""How a file becomes an image: announced, uploaded, checked, stored under a key of its own."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.database import Database
from chassis.outbox import emit
from chassis.storage import ObjectMissing, ObjectTooLarge, Storage
from contracts.caller import Caller
from contracts.imaging import ImageUploaded
from services.imaging import errors
from services.imaging.images import repository as images
from services.imaging.projects import repository as projects
from services.imaging.projects.rules import may_edit
from services.imaging.projects.use_cases import settle_project
from services.imaging.providers.pictures import Picture, PictureRefused, Pictures
from services.imaging.settings import Settings
from services.imaging.tables import ImageVersion, Upload
from services.imaging.uploads import repository, rules
from services.imaging.uploads.schemas import CreateUpload

CHECK_LASTS = timedelta(seconds=30)
"""Then whoever checked is taken for dead; two checks at once would find the same and keep one."""
"""Longer than any check takes; after it another request may check again."""


async def create_upload(
    session: AsyncSession,
    caller: Caller,
    project_id: UUID,
    body: CreateUpload,
    settings: Settings,
) -> Upload:
    """Reserve a place in the project and a key in storage."""
    project = await projects.get_project(session, caller.workspace_id, project_id, lock=True)
    may_edit(caller, project.member_id, "images")
    if project.status != "pending":
        raise errors.ProjectAlreadyStarted
    _check_announced(body, settings)
    reserved = await repository.count_open(session, project.workspace_id, project.id)
    if project.image_count + reserved >= settings.images_per_project:
        raise errors.ImageLimitReached(limit=settings.images_per_project)
    upload_id = uuid7()
    upload = Upload(
        workspace_id=project.workspace_id,
        id=upload_id,
        project_id=project.id,
        member_id=caller.member_id,
        image_id=uuid7(),
        key=rules.upload_key(project.workspace_id, project.id, upload_id),
        expires_at=datetime.now(UTC) + timedelta(seconds=settings.upload_lasts_seconds),
        **body.model_dump(),
    )
    session.add(upload)
    return upload


def _check_announced(body: CreateUpload, settings: Settings) -> None:
    if body.content_type not in rules.FORMATS:
        raise errors.WrongType(accepted=list(rules.FORMATS))
    if body.size_bytes == 0:
        raise errors.NotAnImage
    if body.size_bytes > settings.image_max_bytes:
        raise errors.FileTooLarge(max_bytes=settings.image_max_bytes)


@dataclass(frozen=True)
class Checker:
    """What a confirmation needs of the outside world."""

    database: Database
    storage: Storage
    pictures: Pictures
    settings: Settings

    async def confirm(self, caller: Caller, upload_id: UUID, etag: str | None) -> ImageVersion:
        """The new image; raises an UploadRefused after deleting the file, or another Refusal.

        Confirming again answers with the same image.
        """
        async with self.database.transaction(caller) as session:
            upload, done = await claim_upload(session, caller, upload_id)
        if done is not None:
            return done
        try:
            image = await self._check(caller, upload, etag)
        except errors.UploadRefused as refusal:
            await self._refuse(caller, upload, refusal)
            raise
        except BaseException:
            await asyncio.shield(self._release(caller, upload))
            raise
        await self._erase(caller, upload)
        return image

    async def _check(self, caller: Caller, upload: Upload, etag: str | None) -> ImageVersion:
        picture = await self._inspect(upload, etag)
        key = rules.original_key(upload.workspace_id, upload.project_id, upload.image_id)
        await self.storage.write(key, picture.data, content_type="image/jpeg")
        async with self.database.transaction(caller) as session:
            return await add_image(session, caller, upload, picture, self.settings)

    async def _inspect(self, upload: Upload, etag: str | None) -> Picture:
        try:
            found = await self.storage.head(upload.key)
            if found.size_bytes != upload.size_bytes:
                raise errors.SizeMismatch
            if found.content_type != upload.content_type:
                raise errors.WrongType
            if not rules.same_etag(etag, found.etag):
                raise errors.ETagMismatch
            data = await self.storage.read(upload.key, max_bytes=upload.size_bytes)
        except ObjectMissing as error:
            raise errors.NotUploaded from error
        except ObjectTooLarge as error:
            raise errors.SizeMismatch from error
        reason = rules.refusal_of(data[: rules.SNIFFED_BYTES], upload.content_type)
        if reason is not None:
            raise errors.UPLOAD_REFUSALS[reason]
        formats = (rules.FORMATS[upload.content_type],)
        try:
            return await self.pictures.redraw(data, formats=formats)
        except PictureRefused as refusal:
            raise errors.UPLOAD_REFUSALS[refusal.reason] from refusal

    async def _refuse(self, caller: Caller, upload: Upload, refusal: errors.UploadRefused) -> None:
        async with self.database.transaction(caller) as session:
            row = await repository.get_upload(session, upload.workspace_id, upload.id)
            row.status, row.reason = "refused", refusal.code
        key = rules.original_key(upload.workspace_id, upload.project_id, upload.image_id)
        await self.storage.delete(key)
        await self._erase(caller, upload)

    async def _release(self, caller: Caller, upload: Upload) -> None:
        """Nothing was decided: another request may check it."""
        async with self.database.transaction(caller) as session:
            row = await repository.get_upload(session, upload.workspace_id, upload.id)
            if row.status == "checking":
                row.status = "open"

    async def _erase(self, caller: Caller, upload: Upload) -> None:
        """Delete the uploaded file; the row stays unerased for the sweeper if we die here."""
        await self.storage.delete(upload.key)
        if upload.expires_at < datetime.now(UTC):
            async with self.database.transaction(caller) as session:
                await repository.mark_erased(session, upload.workspace_id, upload.id)


async def claim_upload(
    session: AsyncSession, caller: Caller, upload_id: UUID
) -> tuple[Upload, ImageVersion | None]:
    """Ours to check, or the image it became already; raises a Refusal."""
    upload = await repository.get_upload(session, caller.workspace_id, upload_id)
    project = await projects.get_project(session, caller.workspace_id, upload.project_id)
    may_edit(caller, project.member_id, "images")
    if upload.status == "confirmed":
        return upload, await images.get_version(session, upload.workspace_id, upload.image_id)
    if upload.status == "refused":
        raise errors.UPLOAD_REFUSALS[upload.reason or "not_an_image"]
    if upload.status == "expired":
        raise errors.UploadExpired
    now = datetime.now(UTC)
    if upload.status == "checking" and upload.checked_at and upload.checked_at > now - CHECK_LASTS:
        raise errors.UploadBusy
    upload.status, upload.checked_at = "checking", now
    return upload, None


async def add_image(
    session: AsyncSession, caller: Caller, upload: Upload, picture: Picture, settings: Settings
) -> ImageVersion:
    """Version 1 of a new image; raises UploadTooLate when the project takes none any more."""
    project = await projects.find_project(
        session, upload.workspace_id, upload.project_id, lock=True
    )
    row = await repository.get_upload(session, upload.workspace_id, upload.id)
    if row.status != "checking":
        raise errors.UploadBusy
    if project is None or project.status != "pending":
        raise errors.UploadTooLate
    if project.image_count >= settings.images_per_project:
        raise errors.UploadTooLate
    row.status = "confirmed"
    image = await _add(session, caller, upload, picture)
    await settle_project(session, project)
    await emit(
        session,
        ImageUploaded(
            workspace_id=image.workspace_id,
            project_id=image.project_id,
            image_id=image.root_id,
            room_type=image.room_type,
            original_key=image.original_key,
            width=image.original_width,
            height=image.original_height,
        ),
    )
    return image


async def _add(
    session: AsyncSession, caller: Caller, upload: Upload, picture: Picture
) -> ImageVersion:
    last = await images.last_position(session, upload.workspace_id, upload.project_id)
    image = ImageVersion(
        workspace_id=upload.workspace_id,
        id=upload.image_id,
        root_id=upload.image_id,
        project_id=upload.project_id,
        member_id=caller.member_id,
        version=1,
        position=last + 1,
        file_name=upload.file_name,
        room_type=upload.room_type,
        original_key=rules.original_key(upload.workspace_id, upload.project_id, upload.image_id),
        original_sha256=picture.sha256,
        original_size_bytes=len(picture.data),
        original_width=picture.width,
        original_height=picture.height,
    )
    session.add(image)
    await session.flush()
    await session.refresh(image)
    return image
