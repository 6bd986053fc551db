"""Every query about the catalogue, which belongs to no workspace."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.video.tables import MusicTrack


async def find_track(session: AsyncSession, track_id: str) -> MusicTrack | None:
    return await session.get(MusicTrack, track_id)


async def list_tracks(session: AsyncSession) -> list[MusicTrack]:
    """The ones that may be used, by name."""
    query = select(MusicTrack).where(MusicTrack.is_active).order_by(MusicTrack.name)
    return list(await session.scalars(query))


async def add_track(session: AsyncSession, values: dict[str, Any]) -> None:
    """Or what an older one did not know yet."""
    added = insert(MusicTrack).values(values)
    curve = {"loudness_curve": added.excluded.loudness_curve}
    await session.execute(added.on_conflict_do_update(index_elements=[MusicTrack.id], set_=curve))
