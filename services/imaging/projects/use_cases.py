"""What happens to a photo project."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.outbox import emit
from chassis.storage import Storage
from contracts.billing import ProjectPaid
from contracts.caller import Caller
from contracts.imaging import (
    ProjectCompleted,
    ProjectCreated,
    ProjectDeleted,
    ProjectFailed,
    ProjectStarted,
)
from services.imaging.attempts.repository import close_attempts
from services.imaging.errors import (
    NothingToRetry,
    ProjectAlreadyStarted,
    ProjectLimitReached,
    ProjectNotReady,
    RetryEnded,
)
from services.imaging.images import repository as images
from services.imaging.notes import ProjectRemoved, SubmissionDue
from services.imaging.projects import repository, rules
from services.imaging.projects.schemas import ChangeProject, CreateProject
from services.imaging.settings import Settings
from services.imaging.styles.repository import delete_templates
from services.imaging.styles.rules import prompt_of
from services.imaging.styles.use_cases import get_prompt
from services.imaging.tables import ImageVersion, Project
from services.imaging.uploads import repository as uploads

ERASED_NAME = "Deleted project"
KEPT_BY_RETRY = (
    "workspace_id",
    "project_id",
    "member_id",
    "root_id",
    "kind",
    "position",
    "file_name",
    "room_type",
    "style_template_id",
    "prompt",
    "original_key",
    "original_sha256",
    "original_size_bytes",
    "original_width",
    "original_height",
)


async def create_project(
    session: AsyncSession, caller: Caller, body: CreateProject, settings: Settings
) -> Project:
    rules.may_create(caller)
    await get_prompt(session, caller.workspace_id, body.style_template_id)
    most = rules.most_projects(caller.plan, settings.free_plan_projects)
    if most is not None:
        made = await repository.count_projects_ever(session, caller.workspace_id)
        if made >= most:
            raise ProjectLimitReached(limit=most)
    project = Project(
        workspace_id=caller.workspace_id,
        id=uuid7(),
        member_id=caller.member_id,
        **body.model_dump(),
    )
    session.add(project)
    await session.flush()
    await emit(
        session,
        ProjectCreated(
            workspace_id=project.workspace_id,
            project_id=project.id,
            member_id=project.member_id,
            name=project.name,
        ),
    )
    return project


async def change_project(
    session: AsyncSession, caller: Caller, project_id: UUID, body: ChangeProject
) -> Project:
    project = await repository.get_project(session, caller.workspace_id, project_id, lock=True)
    rules.may_edit(caller, project.member_id)
    wanted = body.model_dump(exclude_unset=True)
    if wanted.get("name") is None:
        wanted.pop("name", None)
    if wanted.keys() - {"name"} and project.status != "pending":
        raise ProjectAlreadyStarted
    if wanted.get("style_template_id") is None:
        wanted.pop("style_template_id", None)
    else:
        await get_prompt(session, caller.workspace_id, wanted["style_template_id"])
    for name, value in wanted.items():
        setattr(project, name, value)
    await session.flush()
    await session.refresh(project)
    return project


async def pay_project(session: AsyncSession, paid: ProjectPaid, settings: Settings) -> None:
    """Remember the payment, and start what can start; a second payment changes nothing.

    The pay page of a deleted project may still be open: what it took goes back.
    """
    project = await repository.find_with_deleted(session, paid.workspace_id, paid.billable_id)
    if project is None or project.paid_at is not None:
        return
    project.paid_at, project.payment_id = datetime.now(UTC), paid.payment_id
    if project.deleted_at is not None:
        await emit(session, _undelivered(project))
        return
    newest = await images.list_newest(session, project.workspace_id, project.id)
    if rules.is_ready(project.room_type, [image.room_type for image in newest]):
        await _start(session, project, newest, settings)


async def start_project(
    session: AsyncSession, caller: Caller, project_id: UUID, settings: Settings
) -> Project:
    """For a project that was paid before its photos or room types were there."""
    project = await repository.get_project(session, caller.workspace_id, project_id, lock=True)
    rules.may_edit(caller, project.member_id)
    if project.status != "pending":
        raise ProjectAlreadyStarted
    newest = await images.list_newest(session, project.workspace_id, project.id)
    ready = rules.is_ready(project.room_type, [image.room_type for image in newest])
    if project.paid_at is None or not ready:
        raise ProjectNotReady(paid=project.paid_at is not None, has_images=bool(newest))
    await _start(session, project, newest, settings)
    await session.refresh(project)
    return project


async def _start(
    session: AsyncSession, project: Project, newest: Sequence[ImageVersion], settings: Settings
) -> None:
    """The status changes before any work is announced, so fast work is never overwritten."""
    template = await get_prompt(session, project.workspace_id, project.style_template_id)
    for image in newest:
        image.room_type = image.room_type or project.room_type
        image.style_template_id = project.style_template_id
        image.prompt = prompt_of(template, image.room_type)
        await process(session, image, settings)
    project.started_at = datetime.now(UTC)
    await settle_project(session, project)
    await emit(
        session,
        ProjectStarted(
            workspace_id=project.workspace_id, project_id=project.id, image_count=len(newest)
        ),
    )


async def process(session: AsyncSession, image: ImageVersion, settings: Settings) -> None:
    """Pending to processing, with its deadline and the note to submit it."""
    now = datetime.now(UTC)
    image.status, image.started_at, image.noted_at = "processing", now, now
    image.deadline_at = now + timedelta(seconds=settings.image_deadline_seconds)
    await session.flush()
    await emit(session, SubmissionDue(workspace_id=image.workspace_id, version_id=image.id))


async def retry_project(
    session: AsyncSession, caller: Caller, project_id: UUID, settings: Settings
) -> Project:
    """A new version of each failed image, with the prompt it had; free of charge."""
    project = await repository.get_project(session, caller.workspace_id, project_id, lock=True)
    rules.may_edit(caller, project.member_id)
    if not rules.can_retry(project.status, project.failed_count):
        raise NothingToRetry
    now = datetime.now(UTC)
    if not rules.may_retry_free(
        project.completed_count, project.started_at, now, settings.retry_days
    ):
        raise RetryEnded
    for failed in await images.list_newest(session, project.workspace_id, project.id):
        if failed.status == "failed":
            again = _next_version(failed)
            session.add(again)
            await process(session, again, settings)
    await settle_project(session, project)
    await session.refresh(project)
    return project


def _next_version(failed: ImageVersion) -> ImageVersion:
    return ImageVersion(
        id=uuid7(),
        parent_id=failed.root_id,
        version=failed.version + 1,
        **{name: getattr(failed, name) for name in KEPT_BY_RETRY},
    )


async def settle_project(session: AsyncSession, project: Project) -> None:
    """Derive status and counts anew; the caller holds the project's lock."""
    await session.flush()
    newest = await images.list_newest(session, project.workspace_id, project.id)
    tally = rules.tally_of([image.status for image in newest])
    ended = tally.status in ("completed", "failed") and project.status != tally.status
    project.status, project.image_count = tally.status, tally.image_count
    project.completed_count, project.failed_count = tally.completed_count, tally.failed_count
    results = [image.result_key for image in newest if image.result_key]
    originals = [image.original_key for image in newest]
    project.thumbnail_key = next(iter([*results, *originals]), None)
    if ended:
        project.finished_at = datetime.now(UTC)
        await emit(session, _ending(project))
    await session.flush()


def _ending(project: Project) -> ProjectCompleted | ProjectFailed:
    if project.status == "completed":
        return ProjectCompleted(
            workspace_id=project.workspace_id,
            project_id=project.id,
            completed_count=project.completed_count,
        )
    return ProjectFailed(
        workspace_id=project.workspace_id,
        project_id=project.id,
        completed_count=project.completed_count,
        failed_count=project.failed_count,
    )


def _undelivered(project: Project) -> ProjectFailed:
    return ProjectFailed(
        workspace_id=project.workspace_id,
        project_id=project.id,
        completed_count=0,
        failed_count=project.image_count,
    )


async def delete_project(session: AsyncSession, caller: Caller, project_id: UUID) -> None:
    """Gone for everybody at once; its files follow. A tombstone stays for costs and accounting."""
    project = await repository.get_project(session, caller.workspace_id, project_id, lock=True)
    rules.may_delete(caller, project.member_id)
    await _remove(session, project)


async def close_workspace(session: AsyncSession, workspace_id: UUID) -> None:
    """Every project goes as if its owner deleted it, and the workspace's own styles with them."""
    for project in await repository.list_kept(session, workspace_id):
        await _remove(session, project)
    await delete_templates(session, workspace_id)


async def _remove(session: AsyncSession, project: Project) -> None:
    now = datetime.now(UTC)
    for version in await images.list_processing(session, project.workspace_id, project.id):
        await close_attempts(session, version.workspace_id, version.id, "project_deleted")
        version.status, version.reason, version.finished_at = "failed", "project_deleted", now
    project.deleted_at, project.name, project.thumbnail_key = now, ERASED_NAME, None
    if project.paid_at is not None and project.started_at is None:
        # Nothing began yet; of what began the vendor's work is done and is not given back.
        await emit(session, _undelivered(project))
    await emit(session, ProjectRemoved(workspace_id=project.workspace_id, project_id=project.id))


async def erase_project(session: AsyncSession, workspace_id: UUID, project_id: UUID) -> None:
    """Its files are gone: say so, once."""
    project = await repository.get_removed(session, workspace_id, project_id)
    if project.erased_at is None:
        project.erased_at = datetime.now(UTC)
        await images.forget_names(session, workspace_id, project_id)
        await uploads.forget_names(session, workspace_id, project_id)
        await emit(session, ProjectDeleted(workspace_id=workspace_id, project_id=project_id))


async def sign_thumbnail(project: Project, storage: Storage, seconds: int) -> str | None:
    """A signed URL of the first enhanced image, else of the first original."""
    if project.thumbnail_key is None:
        return None
    return await storage.sign_get(project.thumbnail_key, seconds=seconds)
