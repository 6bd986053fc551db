"""Door: HTTP for the catalogue of music."""

from fastapi import APIRouter

from chassis.caller import CallerDep
from chassis.database import DatabaseDep
from chassis.storage import Storage
from services.video.dependencies import StorageDep
from services.video.music import repository
from services.video.music.schemas import MusicTrackList, MusicTrackView
from services.video.tables import MusicTrack
from services.video.videos.rules import check_may_read

router = APIRouter(prefix="/v1/music-tracks", tags=["music"])

PREVIEW_SECONDS = 3600


@router.get("")
async def list_all(caller: CallerDep, database: DatabaseDep, storage: StorageDep) -> MusicTrackList:
    check_may_read(caller)
    async with database.transaction(caller) as session:
        tracks = await repository.list_tracks(session)
    return MusicTrackList(items=[await _view(storage, track) for track in tracks])


async def _view(storage: Storage, track: MusicTrack) -> MusicTrackView:
    signed = ("preview_url", "waveform_url")
    fields = {n: getattr(track, n) for n in MusicTrackView.model_fields if n not in signed}
    return MusicTrackView(
        preview_url=await storage.sign_get(track.preview_key, seconds=PREVIEW_SECONDS),
        waveform_url=await storage.sign_get(track.waveform_key, seconds=PREVIEW_SECONDS),
        **fields,
    )
