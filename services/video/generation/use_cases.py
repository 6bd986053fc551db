"""Clips and transitions are submitted once, heard of once, fetched once; retries are counted."""

import tempfile
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from chassis.storage import Storage
from contracts.video import ClipFailed, ClipGenerated
from services.video.clips import repository as clips
from services.video.clips.rules import TRANSITION_PROMPT, leaves_at, prompt_of
from services.video.generation import repository, rules
from services.video.generation.rules import Part, set_state, state_of
from services.video.media.checks import NotAClip, check_decodes, measure, read_clip
from services.video.media.program import Program
from services.video.notes import GenerationAnswered, SubmissionDue
from services.video.providers.base import (
    Answer,
    ClipGenerator,
    OutcomeUnknown,
    ProviderBusy,
    ProviderRefused,
    Shot,
)
from services.video.providers.fetch import ClipFetcher
from services.video.settings import Settings
from services.video.tables import Attempt, VideoClip, VideoProject
from services.video.videos import repository as videos
from services.video.videos.rules import TRANSITION_SECONDS, cents_of
from services.video.videos.use_cases import advance, note_submission

log = structlog.get_logger()

SOURCE_URL_SECONDS = 3600


async def submit_shot(
    event: SubmissionDue,
    database: Database,
    generator: ClipGenerator,
    storage: Storage,
    settings: Settings,
) -> None:
    """Intent first, then one submission; a lost answer leaves the attempt `unknown`."""
    async with database.transaction(event) as session:
        attempt = await claim_submission(session, event)
        if attempt is None:
            return
        wanted = await _wanted_shot(session, attempt)
    shot = await _signed_shot(storage, attempt, wanted)
    webhook = f"{settings.webhook_base_url.rstrip('/')}/webhooks/fal/video/{attempt.id}"
    try:
        request_id = await generator.submit(shot, webhook)
    except ProviderBusy as busy:
        await _record(database, attempt, "failed", reason=str(busy), counts=False)
        raise
    except ProviderRefused as refused:
        answer = Answer("", None, str(refused), is_permanent=True)
        async with database.transaction(event) as session:
            await hear_answer(session, attempt.workspace_id, attempt.id, answer)
    except OutcomeUnknown as unknown:
        await _record(database, attempt, "unknown", reason=str(unknown))
    else:
        await _record(database, attempt, "submitted", request_id=request_id)


async def claim_submission(session: AsyncSession, event: SubmissionDue) -> Attempt | None:
    """A new attempt when this part of a running video waits for one; else None."""
    video = await videos.find_for_update(session, event.workspace_id, event.video_id)
    if video is None or video.deleted_at is not None or video.status != "generating":
        return None
    clip = await clips.get_clip(session, event.workspace_id, event.clip_id)
    earlier = await repository.list_attempts_of(session, clip.workspace_id, clip.id, event.part)
    if state_of(clip, event.part) != "pending" or repository.find_open(earlier) is not None:
        return None
    is_clip = event.part == "clip"
    seconds = clip.duration_seconds if is_clip else TRANSITION_SECONDS
    with_audio = is_clip and video.generate_native_audio
    attempt = Attempt(
        workspace_id=clip.workspace_id,
        video_id=video.id,
        clip_id=clip.id,
        part=event.part,
        status="intended",
        planned_cents=cents_of(seconds, with_audio),
        seconds=seconds,
        has_audio=with_audio,
    )
    session.add(attempt)
    set_state(clip, event.part, "processing")
    await session.flush()
    return attempt


async def _wanted_shot(session: AsyncSession, attempt: Attempt) -> tuple[str, str, str | None]:
    """Prompt, and the keys of the first and the last photo."""
    clip = await clips.get_clip(session, attempt.workspace_id, attempt.clip_id)
    if attempt.part == "clip" or clip.transition_to_id is None:
        return prompt_of(clip), clip.source_key, clip.end_key
    goal = await clips.get_clip(session, attempt.workspace_id, clip.transition_to_id)
    return TRANSITION_PROMPT, leaves_at(clip), goal.source_key


async def _signed_shot(
    storage: Storage, attempt: Attempt, wanted: tuple[str, str, str | None]
) -> Shot:
    prompt, start, end = wanted
    urls = [await storage.sign_get(k, seconds=SOURCE_URL_SECONDS) for k in (start, end) if k]
    last = urls[1] if end else None
    return Shot(prompt, urls[0], last, seconds=attempt.seconds, with_audio=attempt.has_audio)


async def _record(
    database: Database,
    attempt: Attempt,
    status: str,
    *,
    reason: str | None = None,
    request_id: str | None = None,
    counts: bool = True,
) -> None:
    """What became of the submission, unless the webhook was faster."""
    async with database.transaction(SystemScope(attempt.workspace_id)) as session:
        video = await videos.find_for_update(session, attempt.workspace_id, attempt.video_id)
        row = await repository.find_attempt(session, attempt.workspace_id, attempt.id)
        if video is None or row is None or not rules.can_become(row.status, status):
            return
        row.status, row.failure_reason, row.counts_as_try = status, reason, counts
        row.fal_request_id = request_id or row.fal_request_id
        if status == "failed" and video.deleted_at is None:
            clip = await clips.get_clip(session, row.workspace_id, row.clip_id)
            set_state(clip, rules.part_of(row), "pending")


async def hear_answer(
    session: AsyncSession, workspace_id: UUID, attempt_id: UUID, answer: Answer
) -> None:
    """Any number of times, in any order: the first answer counts, late ones only cost."""
    attempt = await repository.find_attempt(session, workspace_id, attempt_id)
    if attempt is None:
        return
    video = await videos.find_for_update(session, workspace_id, attempt.video_id)
    attempt = await repository.find_attempt(session, workspace_id, attempt_id)
    if video is None or attempt is None or not rules.is_about(attempt, answer):
        log.warning("generation.foreign_answer", attempt_id=str(attempt_id))
        return
    attempt.fal_request_id = attempt.fal_request_id or answer.request_id or None
    if answer.result_url is not None:
        # The vendor charges for what it made, wanted or not.
        attempt.cost_cents = attempt.planned_cents
    if attempt.status in ("intended", "submitted", "unknown"):
        await _take_answer(session, video, attempt, answer)
    await session.flush()
    await advance(session, video)


async def _take_answer(
    session: AsyncSession, video: VideoProject, attempt: Attempt, answer: Answer
) -> None:
    if video.deleted_at is not None or video.status != "generating":
        attempt.status = "discarded"
    elif answer.result_url is not None:
        attempt.status, attempt.result_url = "answered", answer.result_url
        await note_answer(session, attempt)
    else:
        reason = answer.reason or "generation_failed"
        await fail_attempt(session, video, attempt, reason, is_permanent=answer.is_permanent)


async def note_answer(session: AsyncSession, attempt: Attempt) -> None:
    await emit(
        session, GenerationAnswered(workspace_id=attempt.workspace_id, attempt_id=attempt.id)
    )


async def fail_attempt(
    session: AsyncSession,
    video: VideoProject,
    attempt: Attempt,
    reason: str,
    *,
    is_permanent: bool,
) -> None:
    """Again if it may, else the clip waits for its owner and a transition becomes a fade."""
    attempt.status, attempt.failure_reason, attempt.result_url = "failed", reason, None
    clip = await clips.get_clip(session, attempt.workspace_id, attempt.clip_id)
    part = rules.part_of(attempt)
    if state_of(clip, part) != "processing":
        return
    earlier = await repository.list_attempts_of(session, clip.workspace_id, clip.id, part)
    if rules.may_try_again(earlier, since=clip.due_at, is_permanent=is_permanent):
        set_state(clip, part, "pending")
        await note_submission(session, clip, part)
        return
    await give_up(session, video, clip, part, reason)


async def give_up(
    session: AsyncSession, video: VideoProject, clip: VideoClip, part: Part, reason: str
) -> None:
    if part == "transition":
        clip.transition_status, clip.transition_failure_reason = "cross_fade", reason
        return
    clip.status, clip.failure_reason = "failed", reason
    about = {"workspace_id": video.workspace_id, "video_id": video.id, "clip_id": clip.id}
    await emit(session, ClipFailed(**about, reason=reason))


async def keep_clip(
    event: GenerationAnswered,
    database: Database,
    storage: Storage,
    fetcher: ClipFetcher,
    program: Program,
) -> None:
    """Copy the vendor's file into our own storage, checked and under its hash."""
    async with database.transaction(event) as session:
        attempt = await repository.find_attempt(session, event.workspace_id, event.attempt_id)
    if attempt is None or attempt.status != "answered" or attempt.result_url is None:
        return
    with tempfile.TemporaryDirectory(prefix="video-clip-") as folder:
        path = Path(folder) / "clip.mp4"
        try:
            await fetcher.fetch(attempt.result_url, path)
            read_clip(path, attempt.seconds)
            await check_decodes(program, path)
        except (ProviderRefused, NotAClip) as error:
            await _refuse_clip(database, attempt, str(error))
            return
        _, digest = measure(path)
        key = rules.key_of(attempt, digest)
        await storage.upload(path, key, content_type="video/mp4")
    async with database.transaction(event) as session:
        await record_clip(session, attempt, key, digest)


async def _refuse_clip(database: Database, attempt: Attempt, reason: str) -> None:
    async with database.transaction(SystemScope(attempt.workspace_id)) as session:
        found = await _still_answered(session, attempt)
        if found is not None:
            video, row = found
            await fail_attempt(session, video, row, reason, is_permanent=False)
            await session.flush()
            await advance(session, video)


async def record_clip(session: AsyncSession, kept: Attempt, key: str, digest: str) -> None:
    """The clip is ours: say so once, and let its segments be rendered at once."""
    found = await _still_answered(session, kept)
    if found is None:
        return
    video, attempt = found
    attempt.status, attempt.result_url = "succeeded", None
    clip = await clips.get_clip(session, attempt.workspace_id, attempt.clip_id)
    if state_of(clip, rules.part_of(attempt)) != "processing":
        return
    set_state(clip, rules.part_of(attempt), "completed")
    if attempt.part == "transition":
        clip.transition_key, clip.transition_sha256 = key, digest
    else:
        clip.clip_key, clip.clip_sha256, clip.failure_reason = key, digest, None
        fact = ClipGenerated(
            workspace_id=video.workspace_id, video_id=video.id, clip_id=clip.id, clip_key=key
        )
        await emit(session, fact)
    await session.flush()
    await advance(session, video)


async def _still_answered(
    session: AsyncSession, attempt: Attempt
) -> tuple[VideoProject, Attempt] | None:
    """Both rows under the video's lock; discards what a deleted video no longer wants."""
    video = await videos.find_for_update(session, attempt.workspace_id, attempt.video_id)
    row = await repository.find_attempt(session, attempt.workspace_id, attempt.id)
    if video is None or row is None or row.status != "answered":
        return None
    if video.deleted_at is not None or video.status != "generating":
        row.status, row.result_url = "discarded", None
        return None
    return video, row


async def cancel_open(
    database: Database, generator: ClipGenerator, workspace_id: UUID, video_id: UUID
) -> None:
    """Of a deleted video nothing more is wanted; what still comes is discarded."""
    async with database.transaction(SystemScope(workspace_id)) as session:
        await videos.find_for_update(session, workspace_id, video_id)
        ended = await repository.discard_open(session, workspace_id, video_id)
    for request_id in filter(None, (attempt.fal_request_id for attempt in ended)):
        await generator.cancel(request_id)
