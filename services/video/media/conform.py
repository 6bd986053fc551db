"""Finds out whether a clip is in a film's exact form already, so that it need not be encoded."""

import asyncio
import tempfile
from pathlib import Path

import ffmpeg

from services.video.media import checks, segments
from services.video.media.mp4 import NotAnMp4, find_track
from services.video.media.program import Program
from services.video.media.segments import FPS, Frame
from services.video.media.splice import Form, form_of

SAMPLE_FRAMES = 8


class Conformity:
    """What our encoder writes for each frame size, found out once."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known: dict[Frame, Form | None] = {}

    async def holds_for(self, clip: Path, frame: Frame, frames: int) -> bool:
        """True when the clip's pictures can be joined to ours by copying, and decode whole."""
        try:
            picture = await asyncio.to_thread(find_track, clip, "vide")
            if picture is None or not checks.is_exact(picture, frame, frames):
                return False
            if form_of(picture) != await self._ours(frame):
                return False
            await checks.check_segment(self._program, clip, frame, frames)
        except (NotAnMp4, checks.FilmBroken):
            return False
        return True

    async def _ours(self, frame: Frame) -> Form | None:
        if frame not in self._known:
            self._known[frame] = await self._encode_some(frame)
        return self._known[frame]

    async def _encode_some(self, frame: Frame) -> Form | None:
        with tempfile.TemporaryDirectory(prefix="video-form-") as name:
            target = Path(name) / "some.mp4"
            black = ffmpeg.input(f"color=s={frame.width}x{frame.height}:r={FPS}", f="lavfi")
            await self._program.run(
                segments.encoded(black.video, SAMPLE_FRAMES, target, 1), target.parent
            )
            track = find_track(target, "vide")
            return form_of(track) if track is not None else None
