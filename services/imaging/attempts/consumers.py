"""Door: our own notes that a version is to be submitted, or a result to be stored."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from chassis.consumers import Consumers
from chassis.database import Database
from chassis.storage import Storage
from services.imaging.attempts import use_cases
from services.imaging.attempts.use_cases import Result
from services.imaging.images.rules import keeps_aspect, result_reason
from services.imaging.notes import ResultReady, SubmissionDue
from services.imaging.providers.base import (
    Generator,
    Order,
    ProviderBusy,
    ProviderRefused,
    ProviderUnknown,
)
from services.imaging.providers.media import MediaFetcher, MediaRefused, MediaUnreachable
from services.imaging.providers.pictures import Picture, PictureRefused, Pictures
from services.imaging.settings import Settings
from services.imaging.tables import ImageVersion
from services.imaging.uploads.rules import result_key

log = structlog.get_logger()

RESULT_FORMATS = ("JPEG", "PNG", "WEBP")
RESULT_MAX_LONG_SIDE = 2048
RESULT_QUALITY = 92
DOWNLOADS = 3
"""A truncated download looks like a damaged picture, so we fetch more than once."""

consumers = Consumers("imaging")


@dataclass(frozen=True)
class Model:
    """Where a version is submitted, and where the outcome is written down."""

    database: Database
    generator: Generator
    settings: Settings


@dataclass(frozen=True)
class Shelf:
    """Where a result comes from, and where it is kept."""

    database: Database
    storage: Storage
    media: MediaFetcher
    pictures: Pictures


@consumers.on(SubmissionDue)
async def submit_generation(
    event: SubmissionDue,
    database: Database,
    generator: Generator,
    storage: Storage,
    settings: Settings,
) -> None:
    async with database.transaction(event) as session:
        claim = await use_cases.claim_attempt(
            session, event.workspace_id, event.version_id, generator.model, settings
        )
    if claim is not None:
        seconds = settings.model_url_lasts_seconds
        image_url = await storage.sign_get(claim.original_key, seconds=seconds)
        order = Order(claim.prompt, image_url, webhook_url(settings, claim.attempt_id))
        await _submit(event, claim.attempt_id, order, Model(database, generator, settings))


def webhook_url(settings: Settings, attempt_id: UUID) -> str:
    """Names the attempt, so that an answer finds it even when the submission's was lost."""
    return f"{settings.webhook_base_url.rstrip('/')}/webhooks/fal/imaging/{attempt_id}"


async def _submit(event: SubmissionDue, attempt_id: UUID, order: Order, model: Model) -> None:
    workspace_id, settings = event.workspace_id, model.settings
    try:
        request_id = await model.generator.submit(order)
    except ProviderUnknown as error:
        log.warning("submission.unknown", attempt_id=str(attempt_id), reason=error.reason)
        async with model.database.transaction(event) as session:
            await use_cases.record_unknown(session, workspace_id, attempt_id)
    except ProviderBusy as error:
        log.info("submission.busy", attempt_id=str(attempt_id), reason=error.reason)
        async with model.database.transaction(event) as session:
            await use_cases.record_busy(session, workspace_id, attempt_id, error, settings)
    except ProviderRefused as error:
        log.info("submission.refused", attempt_id=str(attempt_id), reason=error.reason)
        async with model.database.transaction(event) as session:
            await use_cases.reject(session, workspace_id, attempt_id, error.reason)
    else:
        async with model.database.transaction(event) as session:
            await use_cases.record_submitted(session, workspace_id, attempt_id, request_id)


@consumers.on(ResultReady)
async def store_result(
    event: ResultReady,
    database: Database,
    storage: Storage,
    media: MediaFetcher,
    pictures: Pictures,
) -> None:
    async with database.transaction(event) as session:
        found = await use_cases.find_result(session, event.workspace_id, event.attempt_id)
    if found is not None:
        await _store(event, found, Shelf(database, storage, media, pictures))


async def _store(event: ResultReady, found: Result, shelf: Shelf) -> None:
    try:
        picture = await _fetch(found, shelf.media, shelf.pictures)
    except MediaUnreachable as error:
        # The sweeper notes it again, until the deadline.
        log.warning("result.unreachable", attempt_id=str(event.attempt_id), error=str(error))
    except (MediaRefused, PictureRefused) as refusal:
        reason = result_reason(refusal.reason)
        async with shelf.database.transaction(event) as session:
            await use_cases.reject(session, event.workspace_id, event.attempt_id, reason)
    else:
        await _keep(event, found.version, picture, shelf)


async def _fetch(found: Result, media: MediaFetcher, pictures: Pictures) -> Picture:
    """The checked picture; raises MediaRefused, PictureRefused or MediaUnreachable."""
    if found.url is None:
        raise MediaRefused(found.reason or "provider_failed")
    picture = await _downloaded(found.url, media, pictures, DOWNLOADS)
    original = (found.version.original_width, found.version.original_height)
    if not keeps_aspect(original, (picture.width, picture.height)):
        raise MediaRefused("result_wrong_aspect")
    return picture


async def _downloaded(url: str, media: MediaFetcher, pictures: Pictures, times: int) -> Picture:
    try:
        return await pictures.redraw(
            await media.fetch(url),
            formats=RESULT_FORMATS,
            max_long_side=RESULT_MAX_LONG_SIDE,
            quality=RESULT_QUALITY,
        )
    except (MediaUnreachable, PictureRefused):
        if times == 1:
            raise
    return await _downloaded(url, media, pictures, times - 1)


async def _keep(event: ResultReady, version: ImageVersion, picture: Picture, shelf: Shelf) -> None:
    key = result_key(version.workspace_id, version.project_id, version.root_id, version.version)
    await shelf.storage.write(key, picture.data, content_type="image/jpeg")
    async with shelf.database.transaction(event) as session:
        kept = await use_cases.accept_result(
            session, event.workspace_id, event.attempt_id, key, picture
        )
    if not kept:
        await shelf.storage.delete(key)
