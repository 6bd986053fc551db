"""What happens to an image and its versions."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.caller import Caller
from contracts.imaging import ImageCompleted, ImageFailed
from services.imaging.errors import ImageNotFound, ProjectAlreadyStarted, ResultNotReady
from services.imaging.images import repository
from services.imaging.images.rules import can_become
from services.imaging.images.schemas import ChangeImage
from services.imaging.projects import repository as projects
from services.imaging.projects.rules import may_edit, may_read
from services.imaging.projects.use_cases import settle_project
from services.imaging.providers.pictures import Picture
from services.imaging.tables import ImageVersion


async def get_versions(session: AsyncSession, caller: Caller, image_id: UUID) -> list[ImageVersion]:
    """Newest first; raises ImageNotFound, for those of deleted projects too."""
    may_read(caller, "images")
    return await _find_versions(session, caller, image_id)


async def _find_versions(
    session: AsyncSession, caller: Caller, image_id: UUID
) -> list[ImageVersion]:
    versions = list(await repository.list_versions(session, caller.workspace_id, image_id))
    if not versions:
        raise ImageNotFound
    project_id = versions[0].project_id
    if await projects.find_project(session, caller.workspace_id, project_id) is None:
        raise ImageNotFound
    return versions


async def change_image(
    session: AsyncSession, caller: Caller, image_id: UUID, body: ChangeImage
) -> ImageVersion:
    """Another room type, until the project starts."""
    newest = (await _find_versions(session, caller, image_id))[0]
    project = await projects.get_project(session, caller.workspace_id, newest.project_id, lock=True)
    may_edit(caller, project.member_id, "images")
    image = await repository.get_version(session, caller.workspace_id, newest.id, lock=True)
    if image.status != "pending":
        raise ProjectAlreadyStarted
    image.room_type = body.room_type
    await session.flush()
    await session.refresh(image)
    return image


def key_to_download(versions: list[ImageVersion], variant: str) -> tuple[ImageVersion, str]:
    """The original, or the newest finished result; raises ResultNotReady."""
    if variant == "original":
        return versions[0], versions[0].original_key
    for version in versions:
        if version.result_key is not None:
            return version, version.result_key
    raise ResultNotReady


async def lock_version(session: AsyncSession, workspace_id: UUID, version_id: UUID) -> ImageVersion:
    """Project first, then the version: everybody who needs both locks in this order."""
    version = await repository.get_version(session, workspace_id, version_id)
    await projects.find_project(session, workspace_id, version.project_id, lock=True)
    return await repository.get_version(session, workspace_id, version_id, lock=True)


async def complete_version(
    session: AsyncSession, version: ImageVersion, key: str, picture: Picture
) -> None:
    """Processing to completed; `picture` lies under `key`. The caller holds the locks."""
    version.status, version.finished_at = "completed", datetime.now(UTC)
    version.result_key, version.result_sha256 = key, picture.sha256
    version.result_size_bytes = len(picture.data)
    version.result_width, version.result_height = picture.width, picture.height
    await session.flush()
    await emit(
        session,
        ImageCompleted(
            workspace_id=version.workspace_id,
            project_id=version.project_id,
            image_id=version.root_id,
            version=version.version,
            room_type=version.room_type,
            result_key=key,
            width=picture.width,
            height=picture.height,
        ),
    )
    await _settle(session, version)


async def fail_version(session: AsyncSession, version: ImageVersion, reason: str) -> None:
    """Processing to failed, once; the caller holds the locks."""
    if not can_become(version.status, "failed"):
        return
    version.status, version.reason = "failed", reason
    version.finished_at = datetime.now(UTC)
    await session.flush()
    await emit(
        session,
        ImageFailed(
            workspace_id=version.workspace_id,
            project_id=version.project_id,
            image_id=version.root_id,
            version=version.version,
            reason=reason,
        ),
    )
    await _settle(session, version)


async def _settle(session: AsyncSession, version: ImageVersion) -> None:
    project = await projects.find_project(
        session, version.workspace_id, version.project_id, lock=True
    )
    if project is not None:
        await settle_project(session, project)
