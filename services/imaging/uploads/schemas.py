"""What a caller says and sees of an upload."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from chassis.bodies import NOT_TEXT, Body
from services.imaging.catalogue import RoomType
from services.imaging.styles.schemas import NO_CONTROL

FileName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=NO_CONTROL)]


class CreateUpload(Body):
    """What the browser is about to send; a type or size we do not take is refused by name."""

    file_name: FileName
    content_type: Annotated[str, StringConstraints(max_length=255, pattern=NO_CONTROL)]
    size_bytes: Annotated[int, Field(ge=0, le=2**53), NOT_TEXT]
    room_type: RoomType | None = None


class UploadView(BaseModel):
    """Send the file with exactly this method, URL and headers before it expires."""

    upload_id: UUID
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]
    expires_at: datetime


class ConfirmUpload(Body):
    """`etag` is what storage answered to the PUT, if the browser kept it."""

    etag: Annotated[str | None, Field(max_length=200)] = None
