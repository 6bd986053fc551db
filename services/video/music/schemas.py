"""Bodies that cross HTTP about music; beats in milliseconds."""

from pydantic import BaseModel


class MusicTrackView(BaseModel):
    """A track with URLs that expire."""

    id: str
    name: str
    artist: str
    category: str
    mood: str
    bpm: int
    duration_seconds: float
    beats_ms: list[int]
    license_type: str
    attribution: str
    preview_url: str
    waveform_url: str


class MusicTrackList(BaseModel):
    """The catalogue by name."""

    items: list[MusicTrackView]
