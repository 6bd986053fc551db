"""Looks for what nobody told us about: silent requests, lost notes, dead renderers, late owners."""

from datetime import UTC, datetime, timedelta
from functools import partial

from chassis.database import Database, SystemScope
from chassis.sweeper import Sweeper
from services.video.clips import repository as clips
from services.video.generation import repository as attempts
from services.video.generation import use_cases as generation
from services.video.generation.rules import Part, state_of
from services.video.providers.base import Answer, ClipGenerator, ProviderBusy
from services.video.rendering import repository as units
from services.video.settings import Settings
from services.video.states import BEING_MADE
from services.video.tables import Attempt, Compilation, Segment, VideoClip
from services.video.videos import repository as videos
from services.video.videos.use_cases import (
    advance,
    fail_video,
    note_compilation,
    note_erasure,
    note_segment,
    note_submission,
)

CHOICES_EVERY_SECONDS = 3600.0
ERASE_EVERY_SECONDS = 300.0
ERASE_AGAIN_AFTER = timedelta(minutes=15)
"""Longer than anything may still be at work on a video that was deleted."""


def register(
    sweeper: Sweeper, database: Database, generator: ClipGenerator, settings: Settings
) -> None:
    """Every sweep of the service, each in one replica at a time."""
    often = settings.sweep_seconds
    ask = partial(ask_about_silent, database, generator, settings)
    renote = partial(renote_answered, database, settings)
    settle = partial(settle_unknown, database, settings)
    end = partial(end_overdue, database, generator, settings)
    forgotten = partial(renote_forgotten, database, settings)
    choices = partial(end_waiting, database, settings)
    sweeper.every(often, ask, name="video.ask_about_silent")
    sweeper.every(often, renote, name="video.renote_answered")
    sweeper.every(often, settle, name="video.settle_unknown")
    sweeper.every(often, end, name="video.end_overdue")
    # A film waits for what a dead renderer held: look twice in the life of a lease.
    sweeper.every(settings.render_lease_seconds / 2, forgotten, name="video.renote_forgotten")
    sweeper.every(CHOICES_EVERY_SECONDS, choices, name="video.end_waiting")
    sweeper.every(ERASE_EVERY_SECONDS, partial(erase_again, database), name="video.erase_again")


async def ask_about_silent(
    database: Database, generator: ClipGenerator, settings: Settings
) -> None:
    """Sweep: requests whose webhook never came are asked about."""
    silence = timedelta(seconds=settings.ask_after_seconds)
    for attempt in await _stale(database, ("submitted",), silence):
        try:
            answer = await generator.find_answer(attempt.fal_request_id or "")
        except ProviderBusy:
            continue
        if answer is not None:
            async with database.transaction(SystemScope(attempt.workspace_id)) as session:
                await generation.hear_answer(session, attempt.workspace_id, attempt.id, answer)


async def renote_answered(database: Database, settings: Settings) -> None:
    """Sweep: answers nobody fetched, and submissions nobody made."""
    silence = timedelta(seconds=settings.note_again_after_seconds)
    for attempt in await _stale(database, ("answered",), silence):
        async with database.transaction(SystemScope(attempt.workspace_id)) as session:
            await generation.note_answer(session, attempt)
    async with database.across_workspaces() as session:
        for clip in await attempts.list_unsubmitted(session, _ago(silence)):
            for part in ("clip", "transition"):
                if state_of(clip, part) == "pending":
                    await note_submission(session, clip, part)


async def settle_unknown(database: Database, settings: Settings) -> None:
    """Sweep: nobody told us for so long that the submission is taken for lost."""
    wait = timedelta(seconds=settings.unknown_outcome_seconds)
    for attempt in await _stale(database, ("intended", "unknown"), wait):
        answer = Answer("", None, "outcome_unknown")
        async with database.transaction(SystemScope(attempt.workspace_id)) as session:
            await generation.hear_answer(session, attempt.workspace_id, attempt.id, answer)


async def end_overdue(database: Database, generator: ClipGenerator, settings: Settings) -> None:
    """Sweep: what the model never finished is cancelled and given up."""
    async with database.across_workspaces() as session:
        limit = timedelta(seconds=settings.clip_deadline_seconds)
        overdue = await attempts.list_overdue(session, _ago(limit))
    for clip in overdue:
        for part in ("clip", "transition"):
            await _end(database, generator, clip, part)


async def renote_forgotten(database: Database, settings: Settings) -> None:
    """Sweep: leases that ended without a result, and notes that may be lost."""
    before = _ago(timedelta(seconds=settings.note_again_after_seconds))
    async with database.across_workspaces() as session:
        for segment in await units.list_forgotten(session, Segment, before):
            await note_segment(session, segment)
        for film in await units.list_forgotten(session, Compilation, before):
            await note_compilation(session, film)


async def end_waiting(database: Database, settings: Settings) -> None:
    """A paid video whose owner never chose ends, so that the money goes back."""
    limit = _ago(timedelta(days=settings.choice_deadline_days))
    async with database.across_workspaces() as session:
        waiting = await videos.list_waiting(session, limit)
    for late in waiting:
        async with database.transaction(SystemScope(late.workspace_id)) as session:
            video = await videos.find_for_update(session, late.workspace_id, late.id)
            if video is not None and video.waiting_since is not None:
                await fail_video(session, video, "no_choice_made")


async def erase_again(database: Database) -> None:
    """Sweep: what somebody at work stored after a deleted video's files were erased."""
    async with database.across_workspaces() as session:
        for video in await videos.list_unerased(session, _ago(ERASE_AGAIN_AFTER)):
            await note_erasure(session, video)


async def _end(database: Database, generator: ClipGenerator, late: VideoClip, part: Part) -> None:
    async with database.transaction(SystemScope(late.workspace_id)) as session:
        video = await videos.find_for_update(session, late.workspace_id, late.video_id)
        clip = await clips.get_clip(session, late.workspace_id, late.id)
        if video is None or state_of(clip, part) not in BEING_MADE:
            return
        earlier = await attempts.list_attempts_of(session, clip.workspace_id, clip.id, part)
        attempt = attempts.find_open(earlier)
        if attempt is not None:
            attempt.status, attempt.failure_reason = "failed", "deadline"
        await generation.give_up(session, video, clip, part, "deadline")
        await session.flush()
        await advance(session, video)
    if attempt is not None and attempt.fal_request_id is not None:
        await generator.cancel(attempt.fal_request_id)


async def _stale(database: Database, statuses: tuple[str, ...], age: timedelta) -> list[Attempt]:
    async with database.across_workspaces() as session:
        return await attempts.list_stale(session, statuses, _ago(age))


def _ago(age: timedelta) -> datetime:
    return datetime.now(UTC) - age
