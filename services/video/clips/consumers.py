"""Door: facts about photos."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.consumers import Consumers
from contracts.imaging import ImageCompleted, ImageUploaded
from services.video.clips import repository
from services.video.clips.rules import AS_UPLOADED

consumers = Consumers("video")


@consumers.on(ImageCompleted)
async def offer_image(event: ImageCompleted, session: AsyncSession) -> None:
    names = {"workspace_id", "image_id", "version", "result_key", "room_type", "width", "height"}
    await repository.offer_image(session, event.model_dump(include=names))


@consumers.on(ImageUploaded)
async def offer_photo(event: ImageUploaded, session: AsyncSession) -> None:
    names = {"workspace_id", "image_id", "room_type", "width", "height"}
    photo = event.model_dump(include=names)
    as_uploaded = {"version": AS_UPLOADED, "result_key": event.original_key}
    await repository.offer_image(session, photo | as_uploaded)
