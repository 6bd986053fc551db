"""Queries about attempts. Lock order everywhere: project, image version, attempt."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.imaging.attempts.rules import LIVE_STATES
from services.imaging.errors import AttemptNotFound
from services.imaging.tables import Attempt, ImageVersion


async def get_attempt(session: AsyncSession, workspace_id: UUID, attempt_id: UUID) -> Attempt:
    """Locked; raises AttemptNotFound."""
    query = select(Attempt).where(Attempt.workspace_id == workspace_id, Attempt.id == attempt_id)
    attempt = await session.scalar(
        query.with_for_update().execution_options(populate_existing=True)
    )
    if attempt is None:
        raise AttemptNotFound
    return attempt


async def find_attempt(session: AsyncSession, workspace_id: UUID, attempt_id: UUID) -> Attempt:
    """Not locked; raises AttemptNotFound."""
    attempt = await session.get(Attempt, (workspace_id, attempt_id))
    if attempt is None:
        raise AttemptNotFound
    return attempt


async def find_anywhere(session: AsyncSession, attempt_id: UUID) -> Attempt:
    """For the webhook, which knows no workspace; raises AttemptNotFound.

    Needs a session across workspaces.
    """
    attempt = await session.scalar(select(Attempt).where(Attempt.id == attempt_id))
    if attempt is None:
        raise AttemptNotFound
    return attempt


async def list_attempts(
    session: AsyncSession, workspace_id: UUID, version_id: UUID
) -> Sequence[Attempt]:
    """Every attempt at a version, oldest first; lock the version first."""
    query = select(Attempt).where(
        Attempt.workspace_id == workspace_id, Attempt.version_id == version_id
    )
    return (await session.scalars(query.order_by(Attempt.number))).all()


async def close_attempts(
    session: AsyncSession, workspace_id: UUID, version_id: UUID, reason: str
) -> list[tuple[str, str]]:
    """Cancel what is live; the (model, request id) pairs to cancel at the vendor."""
    closed = await session.execute(
        update(Attempt)
        .where(
            Attempt.workspace_id == workspace_id,
            Attempt.version_id == version_id,
            Attempt.state.in_([*LIVE_STATES, "abandoned"]),
        )
        .values(state="cancelled", reason=reason, changed_at=func.now())
        .returning(Attempt.model, Attempt.request_id)
    )
    return [(model, request_id) for model, request_id in closed if request_id is not None]


async def list_cancelled(
    session: AsyncSession, workspace_id: UUID, project_id: UUID
) -> list[tuple[str, str]]:
    """(model, request id) of a deleted project's cancelled attempts."""
    rows = await session.execute(
        select(Attempt.model, Attempt.request_id)
        .join(
            ImageVersion,
            and_(
                ImageVersion.workspace_id == Attempt.workspace_id,
                ImageVersion.id == Attempt.version_id,
            ),
        )
        .where(
            Attempt.workspace_id == workspace_id,
            ImageVersion.project_id == project_id,
            Attempt.state == "cancelled",
            Attempt.request_id.is_not(None),
        )
    )
    return [(model, request_id) for model, request_id in rows if request_id is not None]


def _older(column: ColumnElement[Any], seconds: float) -> ColumnElement[bool]:
    return column < datetime.now(UTC) - timedelta(seconds=seconds)


async def list_silent(
    session: AsyncSession, submitting_seconds: float, unknown_seconds: float
) -> Sequence[Attempt]:
    """Across workspaces: intents whose outcome was never recorded, or is unknown for long.

    Both times count from the intent, so that a crash costs no more waiting than a lost answer.
    """
    intended = Attempt.created_at.expression
    query = select(Attempt).where(
        or_(
            and_(Attempt.state == "submitting", _older(intended, submitting_seconds)),
            and_(Attempt.state == "unknown", _older(intended, unknown_seconds)),
        )
    )
    return (await session.scalars(query.order_by(Attempt.changed_at).limit(200))).all()


async def list_to_ask(session: AsyncSession, seconds: float) -> Sequence[Attempt]:
    """Across workspaces: submitted attempts nobody told us about."""
    last = func.coalesce(Attempt.asked_at, Attempt.changed_at)
    query = select(Attempt).where(Attempt.state == "submitted", _older(last, seconds))
    return (await session.scalars(query.order_by(Attempt.changed_at).limit(50))).all()


async def list_unstored(session: AsyncSession, seconds: float) -> Sequence[Attempt]:
    """Across workspaces: answered attempts whose note seems lost."""
    last = func.coalesce(Attempt.asked_at, Attempt.changed_at)
    query = select(Attempt).where(Attempt.state == "answered", _older(last, seconds))
    return (await session.scalars(query.order_by(Attempt.changed_at).limit(200))).all()


async def list_unsubmitted(session: AsyncSession, seconds: float) -> Sequence[ImageVersion]:
    """Across workspaces: versions at work without a live attempt whose note is due again."""
    live = exists().where(
        Attempt.workspace_id == ImageVersion.workspace_id,
        Attempt.version_id == ImageVersion.id,
        Attempt.state.in_(LIVE_STATES),
    )
    noted = ImageVersion.noted_at.expression
    query = select(ImageVersion).where(
        ImageVersion.status == "processing",
        or_(ImageVersion.retry_at.is_(None), ImageVersion.retry_at <= func.now()),
        or_(_older(noted, seconds), noted < ImageVersion.retry_at),
        ~live,
    )
    query = query.order_by(ImageVersion.noted_at).limit(200)
    return (await session.scalars(query.with_for_update(skip_locked=True))).all()


async def list_overdue(session: AsyncSession, storing_seconds: float) -> Sequence[ImageVersion]:
    """Across workspaces: past the deadline; what is answered already gets some time more."""
    answered = exists().where(
        Attempt.workspace_id == ImageVersion.workspace_id,
        Attempt.version_id == ImageVersion.id,
        Attempt.state == "answered",
    )
    deadline = ImageVersion.deadline_at.expression
    query = select(ImageVersion).where(
        ImageVersion.status == "processing",
        or_(
            and_(deadline < func.now(), ~answered),
            _older(deadline, storing_seconds),
        ),
    )
    return (await session.scalars(query.limit(200))).all()
