"""Clips as a vendor sends them, drawn by us: textured rooms under a slow move, half with sound."""

import asyncio
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import ffmpeg
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from services.video.media.program import Program
from services.video.media.segments import VIDEO_TIMESCALE, Frame, Source, frame_of, photo_graph

DISTINCT = 12
"""Longer films repeat them: files that were read before are as good as others for every peer."""
SECONDS = 5
VENDOR_FPS = 24
SOUND = "anoisesrc=color=pink:amplitude=0.1:r=44100:d=5"


@dataclass(frozen=True)
class Inputs:
    """Where the clips of one size lie; `conforming` are in our own form already."""

    folder: Path
    height: int

    @property
    def frame(self) -> Frame:
        return frame_of("16:9", self.height)

    def clip(self, number: int) -> Path:
        return self.folder / f"clip-{number % DISTINCT}.mp4"

    def foreign(self) -> Path:
        """One more, seen by nobody before."""
        return self.folder / f"clip-{DISTINCT}.mp4"

    def conforming(self) -> Path:
        return self.folder / "conforming.mp4"


def room(seed: int, width: int, height: int) -> bytes:
    """A drawn room with the grain and the soft light of a photo."""
    random = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height), (172, 164, 150))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height * 2 // 3, width, height), fill=(122, 92, 66))
    for _ in range(60):
        left, top = int(random.integers(0, width)), int(random.integers(0, height))
        wide, tall = (int(side) for side in random.integers(width // 60, width // 6, 2))
        colour = tuple(int(value) for value in random.integers(30, 230, 3))
        draw.rectangle((left, top, left + wide, top + tall), fill=colour)
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(width / 900)), dtype=np.float32)
    grain = random.normal(0, 5, (height, width, 1)).astype(np.float32)
    light = np.linspace(1.15, 0.75, width, dtype=np.float32)[None, :, None]
    shown = np.clip(blurred * light + grain, 0, 255).astype(np.uint8)
    out = BytesIO()
    Image.fromarray(shown).save(out, "JPEG", quality=92)
    return out.getvalue()


async def draw(program: Program, folder: Path, height: int) -> Inputs:
    """Every clip, unless an earlier run left it."""
    inputs = Inputs(folder / str(height), height)
    inputs.folder.mkdir(parents=True, exist_ok=True)
    for number in range(DISTINCT + 1):
        if not (inputs.folder / f"clip-{number}.mp4").exists():
            await _clip(program, inputs, number)
    if not inputs.conforming().exists():
        photo = await _photo(inputs, 99)
        silent = inputs.folder / "silent.mp4"
        graph = photo_graph(photo, inputs.frame, SECONDS * 30, silent, 2)
        await program.run(graph, inputs.folder)
        copied = {"vcodec": "copy", "video_track_timescale": VIDEO_TIMESCALE}
        streams = [ffmpeg.input(str(silent)).video, ffmpeg.input(SOUND, f="lavfi").audio]
        graph = ffmpeg.output(*streams, str(inputs.conforming()), **copied)
        await program.run(graph, inputs.folder)
    return inputs


async def _photo(inputs: Inputs, seed: int) -> Source:
    size = Frame(inputs.frame.width * 5 // 4, inputs.frame.height * 5 // 4)
    path = inputs.folder / f"photo-{seed}"
    path.write_bytes(await asyncio.to_thread(room, seed, size.width, size.height))
    return Source(path, size)


async def _clip(program: Program, inputs: Inputs, number: int) -> None:
    frame, photo = inputs.frame, await _photo(inputs, number)
    frames = SECONDS * VENDOR_FPS + 1
    moved = ffmpeg.input(str(photo.path), f="image2", pattern_type="none").video.filter(
        "zoompan",
        z=f"1+0.2*on/{frames}",
        x=f"(iw-iw/zoom)*on/{frames}",
        y="(ih-ih/zoom)/2",
        d=frames,
        s=f"{frame.width}x{frame.height}",
        fps=VENDOR_FPS,
    )
    streams = [moved.filter("noise", alls=4, allf="t").filter("format", "yuv420p")]
    if number % 2:
        streams.append(ffmpeg.input(SOUND, f="lavfi").audio)
    target = str(inputs.folder / f"clip-{number}.mp4")
    options = {"vcodec": "libx264", "preset": "superfast", "crf": 19, "frames:v": frames}
    await program.run(ffmpeg.output(*streams, target, **options), inputs.folder)
