"""Submitting an image version to the model and taking what comes of it.

Each function here is one short transaction; the vendor is called between them by the doors.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.outbox import emit
from services.imaging.attempts import repository, rules
from services.imaging.errors import WebhookRefused
from services.imaging.images import repository as images
from services.imaging.images.rules import can_become
from services.imaging.images.use_cases import complete_version, fail_version, lock_version
from services.imaging.notes import ResultReady, SubmissionDue
from services.imaging.providers.base import Outcome, ProviderBusy
from services.imaging.providers.pictures import Picture
from services.imaging.settings import Settings
from services.imaging.tables import ANSWERED_STATES, Attempt, ImageVersion


@dataclass(frozen=True)
class Claim:
    """The right to submit one version once."""

    attempt_id: UUID
    prompt: str
    original_key: str


async def claim_attempt(
    session: AsyncSession, workspace_id: UUID, version_id: UUID, model: str, settings: Settings
) -> Claim | None:
    """Write the intent; None when there is nothing to submit, or not yet."""
    version = await images.get_version(session, workspace_id, version_id, lock=True)
    now = datetime.now(UTC)
    if version.status != "processing" or (version.retry_at is not None and version.retry_at > now):
        return None
    earlier = await repository.list_attempts(session, workspace_id, version_id)
    states = [attempt.state for attempt in earlier]
    if not rules.may_submit(states, most_attempts=settings.most_attempts):
        return None
    attempt = Attempt(
        workspace_id=workspace_id,
        id=uuid7(),
        version_id=version_id,
        number=len(earlier) + 1,
        model=model,
    )
    session.add(attempt)
    version.attempts, version.retry_at, version.noted_at = len(earlier) + 1, None, now
    return Claim(attempt.id, version.prompt or "", version.original_key)


async def record_submitted(
    session: AsyncSession, workspace_id: UUID, attempt_id: UUID, request_id: str
) -> None:
    """The vendor took it. The webhook may have been faster; then only the id is new."""
    attempt = await repository.get_attempt(session, workspace_id, attempt_id)
    if attempt.request_id is None:
        attempt.request_id = request_id
    if rules.can_become(attempt.state, "submitted"):
        _become(attempt, "submitted")
        attempt.submitted_at = attempt.changed_at


async def record_unknown(session: AsyncSession, workspace_id: UUID, attempt_id: UUID) -> None:
    """The answer was lost: wait for the webhook, never submit blindly."""
    attempt = await repository.get_attempt(session, workspace_id, attempt_id)
    if rules.can_become(attempt.state, "unknown"):
        _become(attempt, "unknown", "provider_silent")


async def record_busy(
    session: AsyncSession,
    workspace_id: UUID,
    attempt_id: UUID,
    error: ProviderBusy,
    settings: Settings,
) -> None:
    """Certainly not accepted: again after a while, or failed after the last attempt."""
    attempt, version = await _lock(session, workspace_id, attempt_id)
    if not rules.can_become(attempt.state, "refused"):
        return
    _become(attempt, "refused", error.reason)
    if attempt.number >= settings.most_attempts:
        await _fail_unless_live(session, version, "provider_unavailable")
        return
    wait = rules.backoff_seconds(
        attempt.number, settings.backoff_seconds, error.retry_after_seconds
    )
    version.retry_at = datetime.now(UTC) + timedelta(seconds=wait)


async def reject(session: AsyncSession, workspace_id: UUID, attempt_id: UUID, reason: str) -> None:
    """The order is refused for good, or its result cannot be used: the version has failed."""
    attempt, version = await _lock(session, workspace_id, attempt_id)
    if rules.can_become(attempt.state, "failed"):
        _become(attempt, "failed", reason)
        version.model, version.fal_request_id = attempt.model, attempt.request_id
        await _fail_unless_live(session, version, reason)


@dataclass(frozen=True)
class Result:
    """What the model answered about a version that still waits for it."""

    version: ImageVersion
    url: str | None
    reason: str | None


async def find_result(session: AsyncSession, workspace_id: UUID, attempt_id: UUID) -> Result | None:
    """None when there is nothing to store; a result that came too late is discarded."""
    attempt, version = await _lock(session, workspace_id, attempt_id)
    if attempt.state != "answered" or attempt.outcome is None:
        return None
    if version.status != "processing":
        _become(attempt, "discarded")
        return None
    return Result(version, attempt.outcome["url"], attempt.outcome["reason"])


async def record_outcome(
    session: AsyncSession, attempt: Attempt, request_id: str, outcome: Outcome, cost_micro_usd: int
) -> None:
    """By webhook or by asking; the first answer of a version counts, others only cost."""
    workspace_id, attempt_id, version_id = attempt.workspace_id, attempt.id, attempt.version_id
    version = await images.get_version(session, workspace_id, version_id, lock=True)
    attempt = await repository.get_attempt(session, workspace_id, attempt_id)
    await _match(session, attempt, request_id)
    if attempt.outcome is not None:
        return
    attempt.outcome = outcome.as_json()
    attempt.cost_micro_usd = cost_micro_usd if outcome.url is not None else 0
    version.cost_micro_usd += attempt.cost_micro_usd
    others = await repository.list_attempts(session, workspace_id, version_id)
    answered = any(o.state in ANSWERED_STATES for o in others if o.id != attempt_id)
    wanted = rules.takes_outcome(attempt.state, other_answered=answered)
    if wanted == attempt.state:
        return
    _become(attempt, wanted)
    if wanted == "answered":
        await emit(session, ResultReady(workspace_id=workspace_id, attempt_id=attempt_id))


async def accept_result(
    session: AsyncSession, workspace_id: UUID, attempt_id: UUID, key: str, picture: Picture
) -> bool:
    """The result is stored under `key`: False when it came too late and must not be kept."""
    attempt, version = await _lock(session, workspace_id, attempt_id)
    if attempt.state == "succeeded":
        return True
    if not can_become(version.status, "completed"):
        if rules.can_become(attempt.state, "discarded"):
            _become(attempt, "discarded")
        return False
    if not rules.can_become(attempt.state, "succeeded"):
        return False
    _become(attempt, "succeeded")
    version.model, version.fal_request_id = attempt.model, attempt.request_id
    await complete_version(session, version, key, picture)
    await repository.close_attempts(session, workspace_id, version.id, "version_completed")
    return True


async def expire_version(
    session: AsyncSession, workspace_id: UUID, version_id: UUID
) -> list[tuple[str, str]]:
    """Past its deadline: failed. The (model, request id) pairs to cancel at the vendor."""
    version = await lock_version(session, workspace_id, version_id)
    if version.status != "processing":
        return []
    requests = await repository.close_attempts(
        session, workspace_id, version_id, "deadline_exceeded"
    )
    await fail_version(session, version, "deadline_exceeded")
    return requests


async def resolve_silence(session: AsyncSession, attempt: Attempt, settings: Settings) -> None:
    """An outcome nobody recorded becomes unknown; unknown for too long is tried once more."""
    workspace_id, version_id = attempt.workspace_id, attempt.version_id
    version = await images.get_version(session, workspace_id, version_id, lock=True)
    seen, attempt = attempt.state, await repository.get_attempt(session, workspace_id, attempt.id)
    if attempt.state != seen:
        return
    if attempt.state == "submitting":
        _become(attempt, "unknown", "provider_silent")
        return
    earlier = await repository.list_attempts(session, workspace_id, version_id)
    abandoned = sum(other.state == "abandoned" for other in earlier)
    may = rules.may_resubmit_unknown(abandoned, most=settings.most_ambiguous_resubmissions)
    if attempt.state == "unknown" and may and version.status == "processing":
        _become(attempt, "abandoned", attempt.reason)
        await note_submission(session, version)


async def note_submission(session: AsyncSession, version: ImageVersion) -> None:
    """Tell ourselves (again) that the version waits; claiming makes repeats harmless."""
    version.noted_at = datetime.now(UTC)
    await emit(session, SubmissionDue(workspace_id=version.workspace_id, version_id=version.id))


async def _match(session: AsyncSession, attempt: Attempt, request_id: str) -> None:
    """The outcome may come before the vendor's answer to our submission, and brings its id."""
    if attempt.request_id not in (None, request_id):
        raise WebhookRefused("The request belongs to another attempt")
    attempt.request_id = request_id
    try:
        await session.flush()
    except IntegrityError as error:
        raise WebhookRefused("The request belongs to another attempt") from error


def _become(attempt: Attempt, state: str, reason: str | None = None) -> None:
    attempt.state, attempt.changed_at = state, datetime.now(UTC)
    attempt.reason = reason if reason is not None else attempt.reason


async def _fail_unless_live(session: AsyncSession, version: ImageVersion, reason: str) -> None:
    """An attempt once given up as unknown may still be at work beside the one that failed."""
    attempts = await repository.list_attempts(session, version.workspace_id, version.id)
    if not any(attempt.state in rules.LIVE_STATES for attempt in attempts):
        await fail_version(session, version, reason)


async def _lock(
    session: AsyncSession, workspace_id: UUID, attempt_id: UUID
) -> tuple[Attempt, ImageVersion]:
    """Project, version, attempt: in this order everywhere."""
    found = await repository.find_attempt(session, workspace_id, attempt_id)
    version = await lock_version(session, workspace_id, found.version_id)
    return await repository.get_attempt(session, workspace_id, attempt_id), version
