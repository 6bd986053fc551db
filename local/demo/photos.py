"""One photo of the folder: what it is, how it gets into storage, what became of it."""

import asyncio
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.demo.client import Person, Refused

TYPES = {".heic": "image/heic", ".heif": "image/heic", ".webp": "image/webp"}
UPLOAD_SECONDS = 60.0
AT_ONCE = 3
ROOMS = (
    "living-room",
    "dining-room",
    "childrens-room",
    "laundry-room",
    "storage-room",
    "tv-room",
    "walk-in-closet",
    "hobby-room",
    "utility-room",
    "pool-area",
    "kitchen",
    "bathroom",
    "toilet",
    "hallway",
    "office",
    "sauna",
    "gym",
    "library",
    "pantry",
    "conservatory",
    "garage",
    "terrace",
    "garden",
    "landscape",
    "exterior",
    "bedroom",
)
ALSO = {"balcony": "terrace", "living": "living-room", "master": "bedroom", "dining": "dining-room"}


@dataclass
class Photo:
    """A file of the folder and its way through the product."""

    path: Path
    image_id: str | None = None
    status: str = "waiting"
    error: str | None = None
    before: str | None = None
    after: str | None = None

    @property
    def room_type(self) -> str:
        """Guessed from the file's name, as a person would fill it in."""
        name = self.path.stem.lower()
        for room in ROOMS:
            if room in name:
                return room
        return next((room for word, room in ALSO.items() if word in name), "other")

    def summary(self) -> dict[str, Any]:
        return {
            "file": self.path.name,
            "status": self.status,
            "before": self.before,
            "after": self.after,
            "error": self.error,
        }


def find_photos(directory: Path) -> list[Photo]:
    """Every file of the folder, in order of name: the product decides what is a photo."""
    files = sorted(path for path in directory.iterdir() if path.is_file())
    return [Photo(path) for path in files if not path.name.startswith(".")]


async def upload_all(person: Person, project_id: str, photos: list[Photo], tick: Any) -> None:
    """Upload what the product takes; a refusal is noted on the photo and stops nobody else."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def upload(photo: Photo) -> None:
        async with gate:
            try:
                photo.image_id = await _upload(person, project_id, photo)
                photo.status = "uploaded"
            except Refused as refusal:
                photo.status, photo.error = "refused", refusal.code
            tick()

    await asyncio.gather(*map(upload, photos))


async def _upload(person: Person, project_id: str, photo: Photo) -> str:
    guessed = mimetypes.guess_type(photo.path.name)[0]
    content_type = TYPES.get(photo.path.suffix.lower(), guessed) or "application/octet-stream"
    slot = await person.post(
        f"/v1/projects/{project_id}/uploads",
        {
            "file_name": photo.path.name,
            "content_type": content_type,
            "size_bytes": photo.path.stat().st_size,
            "room_type": photo.room_type,
        },
    )
    data = await asyncio.to_thread(photo.path.read_bytes)
    async with httpx.AsyncClient(timeout=UPLOAD_SECONDS, trust_env=False) as storage:
        answer = await storage.request(
            slot["method"], slot["url"], content=data, headers=slot["headers"]
        )
    if not answer.is_success:
        raise Refused("PUT", "storage", answer.status_code, {"code": "storage_refused"})
    image = await person.post(f"/v1/uploads/{slot['upload_id']}/confirm")
    image_id: str = image["id"]
    return image_id
