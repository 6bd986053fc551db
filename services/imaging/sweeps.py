"""Looks for the work nobody told us about; each sweep may run twice without harm."""

from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from chassis.storage import Storage
from chassis.worker import Worker
from services.imaging.attempts import repository, use_cases
from services.imaging.notes import ResultReady
from services.imaging.providers.base import Generator, ProviderError
from services.imaging.settings import Settings
from services.imaging.tables import Attempt
from services.imaging.uploads import repository as uploads
from services.imaging.uploads.rules import original_key

log = structlog.get_logger()

UPLOADS_EVERY_SECONDS = 600.0
SUBMITTING_MARGIN_SECONDS = 10.0


def register(worker: Worker, settings: Settings, storage: Storage, generator: Generator) -> None:
    """Put every sweep of imaging on the worker's clock."""
    database, every = worker.database, worker.sweeper.every
    often = settings.sweep_seconds
    every(often, partial(resolve_silence, database, settings), name="imaging.resolve_silence")
    every(often, partial(note_again, database, settings), name="imaging.note_again")
    every(often, partial(ask, database, generator, settings), name="imaging.ask")
    every(often, partial(expire, database, generator, settings), name="imaging.expire")
    every(
        UPLOADS_EVERY_SECONDS,
        partial(erase_uploads, database, storage, settings),
        name="imaging.erase_uploads",
    )


async def resolve_silence(database: Database, settings: Settings) -> None:
    """Submissions whose outcome was never recorded."""
    submitting = settings.submit_timeout_seconds + SUBMITTING_MARGIN_SECONDS
    async with database.across_workspaces() as session:
        silent = await repository.list_silent(session, submitting, settings.unknown_grace_seconds)
    for attempt in silent:
        async with database.transaction(SystemScope(attempt.workspace_id)) as session:
            await use_cases.resolve_silence(session, attempt, settings)


async def note_again(database: Database, settings: Settings) -> None:
    """Versions whose back-off is over or whose note was lost, and results not stored yet."""
    seconds = settings.note_again_after_seconds
    async with database.across_workspaces() as session:
        for version in await repository.list_unsubmitted(session, seconds):
            await use_cases.note_submission(session, version)
    async with database.across_workspaces() as session:
        for attempt in await repository.list_unstored(session, seconds):
            await _note_result(session, attempt)


async def _note_result(session: AsyncSession, attempt: Attempt) -> None:
    attempt.asked_at = datetime.now(UTC)
    await emit(session, ResultReady(workspace_id=attempt.workspace_id, attempt_id=attempt.id))


async def ask(database: Database, generator: Generator, settings: Settings) -> None:
    """Ask the vendor about submissions whose webhook has not come."""
    async with database.across_workspaces() as session:
        waiting = await repository.list_to_ask(session, settings.ask_after_seconds)
        for attempt in waiting:
            attempt.asked_at = datetime.now(UTC)
    for attempt in waiting:
        try:
            await _ask_about(database, generator, settings, attempt)
        except ProviderError as error:
            log.info("ask.failed", attempt_id=str(attempt.id), reason=error.reason)


async def _ask_about(
    database: Database, generator: Generator, settings: Settings, attempt: Attempt
) -> None:
    request_id = attempt.request_id or ""
    outcome = await generator.find_outcome(attempt.model, request_id)
    if outcome is None:
        return
    async with database.transaction(SystemScope(attempt.workspace_id)) as session:
        await use_cases.record_outcome(
            session, attempt, request_id, outcome, settings.fal_cost_micro_usd
        )


async def expire(database: Database, generator: Generator, settings: Settings) -> None:
    """Past the deadline: failed first, then cancelled at the vendor as far as it goes."""
    async with database.across_workspaces() as session:
        overdue = await repository.list_overdue(session, settings.storing_grace_seconds)
    for version in overdue:
        async with database.transaction(SystemScope(version.workspace_id)) as session:
            requests = await use_cases.expire_version(session, version.workspace_id, version.id)
        for model, request_id in requests:
            await generator.cancel(model, request_id)


async def erase_uploads(database: Database, storage: Storage, settings: Settings) -> None:
    """What was uploaded and never became an image leaves no file behind."""
    async with database.across_workspaces() as session:
        stale = await uploads.list_unerased(session, settings.upload_kept_seconds)
    for upload in stale:
        await storage.delete(upload.key)
        if upload.status != "confirmed":
            await storage.delete(
                original_key(upload.workspace_id, upload.project_id, upload.image_id)
            )
        async with database.transaction(SystemScope(upload.workspace_id)) as session:
            await uploads.mark_erased(session, upload.workspace_id, upload.id)
