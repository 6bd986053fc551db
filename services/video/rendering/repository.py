"""Every query about segments, compilations and outputs, inside one workspace."""

from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from services.video.rendering.rules import Piece
from services.video.tables import Compilation, Output, Segment

Unit = TypeVar("Unit", Segment, Compilation)
SWEEP_LIMIT = 50


async def list_segments(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> list[Segment]:
    query = select(Segment).where(
        Segment.workspace_id == workspace_id, Segment.video_id == video_id
    )
    return list(await session.scalars(query.order_by(Segment.id)))


async def add_segment(
    session: AsyncSession, workspace_id: UUID, video_id: UUID, piece: Piece
) -> Segment | None:
    """None when an equal one is there already."""
    values = {
        "id": uuid7(),
        "workspace_id": workspace_id,
        "video_id": video_id,
        "clip_id": piece.clip_id,
        "part": piece.part,
        "aspect_ratio": piece.aspect_ratio,
        "fingerprint": piece.fingerprint,
        "source_key": piece.source_key,
        "next_source_key": piece.next_source_key,
        "frames": piece.frames,
        "height": piece.height,
    }
    added = insert(Segment).values(values).on_conflict_do_nothing().returning(Segment)
    return await session.scalar(added)


async def add_compilation(
    session: AsyncSession,
    workspace_id: UUID,
    video_id: UUID,
    *,
    fingerprint: str,
    plan: dict[str, Any],
) -> Compilation | None:
    """None when an equal one is there already."""
    added = (
        insert(Compilation)
        .values(
            id=uuid7(),
            workspace_id=workspace_id,
            video_id=video_id,
            fingerprint=fingerprint,
            plan=plan,
        )
        .on_conflict_do_nothing()
        .returning(Compilation)
    )
    return await session.scalar(added)


async def get_compilation_like(
    session: AsyncSession, workspace_id: UUID, video_id: UUID, fingerprint: str
) -> Compilation:
    query = select(Compilation).where(
        Compilation.workspace_id == workspace_id,
        Compilation.video_id == video_id,
        Compilation.fingerprint == fingerprint,
    )
    return (await session.scalars(query)).one()


async def find_unit(
    session: AsyncSession, kind: type[Unit], workspace_id: UUID, unit_id: UUID
) -> Unit | None:
    query = select(kind).where(kind.workspace_id == workspace_id, kind.id == unit_id)
    return await session.scalar(query.execution_options(populate_existing=True))


async def lease(
    session: AsyncSession, kind: type[Unit], workspace_id: UUID, unit_id: UUID, seconds: float
) -> Unit | None:
    """Claim a unit nobody works on; None when it is done or somebody's lease still runs."""
    free = or_(
        kind.status == "pending",
        and_(kind.status == "rendering", kind.leased_until < func.now()),
    )
    claim = (
        update(kind)
        .where(kind.workspace_id == workspace_id, kind.id == unit_id, free)
        .values(
            status="rendering",
            lease_id=uuid7(),
            leased_until=func.now() + timedelta(seconds=seconds),
            tries=kind.tries + 1,
        )
        .returning(kind)
    )
    return await session.scalar(claim)


async def renew(
    session: AsyncSession, unit: Segment | Compilation, seconds: float, percent: int
) -> bool:
    """Keep the lease; False when it is no longer ours."""
    kind = type(unit)
    values: dict[str, Any] = {"leased_until": func.now() + timedelta(seconds=seconds)}
    if isinstance(unit, Segment):
        values["progress_percent"] = percent
    renewed = (
        update(kind)
        .where(
            kind.workspace_id == unit.workspace_id,
            kind.id == unit.id,
            kind.lease_id == unit.lease_id,
            kind.status == "rendering",
        )
        .values(values)
        .returning(kind.id)
    )
    return await session.scalar(renewed) is not None


async def hand_back(session: AsyncSession, unit: Segment | Compilation) -> None:
    """Who worked on it was told to stop: the next one begins at once, and it was no try."""
    kind = type(unit)
    await session.execute(
        update(kind)
        .where(
            kind.workspace_id == unit.workspace_id,
            kind.id == unit.id,
            kind.lease_id == unit.lease_id,
            kind.status == "rendering",
        )
        .values(status="pending", leased_until=None, tries=kind.tries - 1)
    )


async def list_forgotten(
    session: AsyncSession, kind: type[Unit], noted_before: datetime
) -> list[Unit]:
    """Across workspaces: units whose renderer is gone, or whose note may be lost; marked again."""
    query = (
        select(kind)
        .where(
            or_(
                and_(kind.status == "rendering", kind.leased_until < func.now()),
                and_(kind.status == "pending", kind.changed_at < noted_before),
            )
        )
        .order_by(kind.changed_at)
        .limit(SWEEP_LIMIT)
        .with_for_update(skip_locked=True)
    )
    found = list(await session.scalars(query))
    for unit in found:
        unit.status = "pending"
        unit.changed_at = func.now()
    return found


async def give_up_open(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> None:
    """Nobody wants them any more: what is being worked on is not recorded, the rest not begun."""
    for kind in (Segment, Compilation):
        await session.execute(
            update(kind)
            .where(
                kind.workspace_id == workspace_id,
                kind.video_id == video_id,
                kind.status.in_(("pending", "rendering")),
            )
            .values(status="failed", failure_reason="not_wanted", leased_until=None)
        )


async def list_outputs(
    session: AsyncSession, workspace_id: UUID, compilation_id: UUID
) -> list[Output]:
    query = select(Output).where(
        Output.workspace_id == workspace_id, Output.compilation_id == compilation_id
    )
    return list(await session.scalars(query.order_by(Output.is_branded, Output.aspect_ratio)))


async def keep_preview(session: AsyncSession, made: Compilation, key: str) -> None:
    await session.execute(
        update(Compilation)
        .where(Compilation.workspace_id == made.workspace_id, Compilation.id == made.id)
        .values(preview_key=key)
    )
