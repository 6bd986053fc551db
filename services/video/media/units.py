"""A segment from storage to storage; repeatable, and under the same keys each time."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from chassis.storage import Storage
from services.video.media import checks, segments
from services.video.media.conform import Conformity
from services.video.media.mp4 import find_track, read_track
from services.video.media.program import Program, RenderFailed
from services.video.media.segments import Frame, Source
from services.video.media.soundtrack import extract_voice

PREFIX = "video-unit-"
KEPT_TRACKS = 3
ORIENTATION, FIRST_TURNED = 0x0112, 5
"""EXIF: from the fifth orientation on, width and height are swapped."""

Percent = Callable[[int], None]
Heard = Callable[[str | None], Awaitable[None]]
"""Told where a shot's own sound lies (None: it has none), while its pictures are still made."""
Decode = Callable[[Program, Path, Path], Awaitable[None]]


@dataclass(frozen=True)
class SegmentOrder:
    """One piece to render: of a clip, photo, transition, or between two segments (seam)."""

    part: str
    source_key: str
    next_source_key: str | None
    aspect_ratio: str
    height: int
    frames: int
    target_key: str
    sound_key: str


@dataclass(frozen=True)
class RenderedSegment:
    """Where a segment lies; without sound its film is silent there."""

    key: str
    sound_key: str | None
    size_bytes: int
    sha256: str


@dataclass
class Studio:
    """What a renderer works with; one unit at a time, each in a folder of its own."""

    program: Program
    storage: Storage
    scratch_dir: Path | None = None
    threads: int = 2
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    conformity: Conformity = field(init=False)
    _tracks: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.conformity = Conformity(self.program)

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        path = Path(tempfile.mkdtemp(prefix=self._prefix, dir=self.scratch_dir))
        try:
            yield path
        finally:
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

    async def music(self, key: str, decode: Decode) -> Path:
        """A track's PCM; a renderer keeps the last few decoded, until it ends."""
        if key not in self._tracks or not self._tracks[key].exists():
            folder = Path(tempfile.mkdtemp(prefix=self._prefix, dir=self.scratch_dir))
            track = folder / f"track{Path(key).suffix}"
            await self.storage.download(key, track)
            await decode(self.program, track, folder / "track.pcm")
            self._tracks[key] = folder / "track.pcm"
            track.unlink()
        self._tracks[key] = self._tracks.pop(key)
        while len(self._tracks) > KEPT_TRACKS:
            oldest = self._tracks.pop(next(iter(self._tracks)))
            await asyncio.to_thread(shutil.rmtree, oldest.parent, ignore_errors=True)
        return self._tracks[key]

    @property
    def _prefix(self) -> str:
        return f"{PREFIX}{os.getpid()}-"

    def close(self) -> None:
        """Forget the tracks, and the files they are in."""
        for path in self._tracks.values():
            shutil.rmtree(path.parent, ignore_errors=True)
        self._tracks.clear()

    def clean(self) -> None:
        """Remove what killed renderers left behind; only before the first unit.

        In a container every renderer has the same number: what bears ours is our predecessor's.
        """
        root = Path(self.scratch_dir or tempfile.gettempdir())
        for path in root.glob(f"{PREFIX}*"):
            owner = path.name.removeprefix(PREFIX).split("-")[0]
            is_ours = owner == str(os.getpid())
            if owner.isdigit() and (is_ours or not Path(f"/proc/{owner}").exists()):
                shutil.rmtree(path, ignore_errors=True)


async def render_segment(
    studio: Studio, order: SegmentOrder, on_percent: Percent, on_sound: Heard
) -> RenderedSegment:
    """Raises RenderFailed, RenderTimeout, NotAnMp4, FilmBroken, or ObjectMissing.

    A clip that conforms already is used as it lies in storage; its sound is prepared all the same.
    """
    async with studio.folder() as folder:
        target = folder / "segment.mp4"
        source = folder / ("photo" if order.part == "photo" else "source.mp4")
        await studio.storage.download(order.source_key, source)
        sound = asyncio.create_task(_sound(studio, order, source, on_sound))
        try:
            made = await _pictures(studio, order, source, on_percent)
        finally:
            sound_key = (await asyncio.gather(sound, return_exceptions=True))[0]
        if isinstance(sound_key, BaseException):
            raise sound_key
        if made == target:
            await studio.storage.upload(target, order.target_key, content_type="video/mp4")
        size_bytes, digest = await asyncio.to_thread(checks.measure, made)
        key = order.target_key if made == target else order.source_key
        return RenderedSegment(key, sound_key, size_bytes, digest)


async def _pictures(studio: Studio, order: SegmentOrder, source: Path, on_percent: Percent) -> Path:
    """The checked segment: the source itself when it conforms, or a new file."""
    frame = segments.frame_of(order.aspect_ratio, order.height)
    conforms = studio.conformity.holds_for
    if order.part in ("clip", "transition") and await conforms(source, frame, order.frames):
        return source

    def progress(seconds: float) -> None:
        on_percent(min(99, round(100 * seconds * segments.FPS / order.frames)))

    target = source.with_name("segment.mp4")
    graph = await _graph(studio, order, source, target)
    await studio.program.run(graph, source.parent, progress)
    frames = segments.CROSS_FADE_FRAMES if order.part == "seam" else order.frames
    await checks.check_segment(studio.program, target, frame, frames)
    return target


async def _sound(studio: Studio, order: SegmentOrder, source: Path, on_sound: Heard) -> str | None:
    if order.part == "seam":
        return None
    key = order.sound_key if await _keep_sound(studio, order, source) else None
    await on_sound(key)
    return key


async def _keep_sound(studio: Studio, order: SegmentOrder, source: Path) -> bool:
    """Store the clip's own sound beside its pictures; False when there is none."""
    if order.part != "clip" or find_track(source, "soun") is None:
        return False
    sound = source.with_name("sound.pcm")
    if not await extract_voice(studio.program, source, order.frames, sound):
        return False
    await studio.storage.upload(sound, order.sound_key, content_type="audio/x-raw")
    return True


async def _graph(studio: Studio, order: SegmentOrder, source: Path, target: Path) -> Any:
    frame = segments.frame_of(order.aspect_ratio, order.height)
    if order.part == "seam" and order.next_source_key is not None:
        after = source.with_name("after.mp4")
        await studio.storage.download(order.next_source_key, after)
        return segments.seam_graph(source, after, order.frames, target, studio.threads)
    build = segments.photo_graph if order.part == "photo" else segments.clip_graph
    size = _photo_size(source) if order.part == "photo" else _clip_size(source)
    return build(Source(source, size), frame, order.frames, target, studio.threads)


def _clip_size(clip: Path) -> Frame:
    return Frame(*read_track(clip, "vide").size)


def _photo_size(photo: Path) -> Frame:
    """As FFmpeg sees it: turned as its camera was held. Raises RenderFailed for no picture."""
    try:
        with Image.open(photo) as picture:
            turned = picture.getexif().get(ORIENTATION, 1) >= FIRST_TURNED
            return Frame(*(picture.size[::-1] if turned else picture.size))
    except (OSError, Image.DecompressionBombError) as error:
        raise RenderFailed("the photo cannot be read") from error
