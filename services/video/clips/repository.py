"""Every query about clips and the images they are made from, inside one workspace."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from services.video.tables import OfferedImage, VideoClip, VideoProject


async def list_clips(session: AsyncSession, workspace_id: UUID, video_id: UUID) -> list[VideoClip]:
    """In the order they play."""
    query = (
        select(VideoClip)
        .where(VideoClip.workspace_id == workspace_id, VideoClip.video_id == video_id)
        .order_by(VideoClip.sequence_order)
        .execution_options(populate_existing=False)
    )
    return list(await session.scalars(query))


async def get_clip(session: AsyncSession, workspace_id: UUID, clip_id: UUID) -> VideoClip:
    """Raises NotFound, also when its video is deleted."""
    query = (
        select(VideoClip)
        .join(
            VideoProject,
            (VideoProject.workspace_id == VideoClip.workspace_id)
            & (VideoProject.id == VideoClip.video_id),
        )
        .where(
            VideoClip.workspace_id == workspace_id,
            VideoClip.id == clip_id,
            VideoProject.deleted_at.is_(None),
        )
    )
    clip = await session.scalar(query)
    if clip is None:
        raise NotFound
    return clip


async def find_offered_image(
    session: AsyncSession, workspace_id: UUID, image_id: UUID, version: int | None = None
) -> OfferedImage | None:
    """That version, or the newest."""
    query = select(OfferedImage).where(
        OfferedImage.workspace_id == workspace_id, OfferedImage.image_id == image_id
    )
    if version is not None:
        query = query.where(OfferedImage.version == version)
    return await session.scalar(query.order_by(OfferedImage.version.desc()).limit(1))


async def forget_images(session: AsyncSession, workspace_id: UUID) -> None:
    await session.execute(delete(OfferedImage).where(OfferedImage.workspace_id == workspace_id))


async def offer_image(session: AsyncSession, image: dict[str, object]) -> None:
    """A version never changes, so hearing of it twice or late makes no difference."""
    await session.execute(insert(OfferedImage).values(image).on_conflict_do_nothing())
