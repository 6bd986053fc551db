"""Photos and clips we draw ourselves, good and odd."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import ffmpeg
from PIL import Image, ImageDraw

from services.video.media import segments
from services.video.media.mp4 import read_track
from services.video.media.program import Program
from services.video.media.segments import Frame, Source, frame_of


def photo(seed: int, width: int = 320, height: int = 240) -> bytes:
    """A drawn room whose colours tell which one it is."""
    picture = Image.new("RGB", (width, height), (90 + 40 * seed % 120, 120, 150))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height * 0.65, width, height), fill=(110, 80, 55))
    for number in range(5):
        left = width * (0.08 + 0.18 * number)
        colour = ((seed * 67 + number * 53) % 256, (number * 91) % 256, (seed * 31) % 256)
        draw.rectangle((left, height * 0.2, left + width * 0.12, height * 0.8), fill=colour)
    out = BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


def logo(color: str = "#C81E1E") -> bytes:
    """A disc on nothing, as identity stores logos."""
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((10, 10, 290, 290), fill=color)
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Odd:
    """A clip as a vendor might send one."""

    name: str
    size: str
    fps: str
    sound: str | None = None
    seconds: float = 5.0


GOLDEN = [
    Odd("wide", "320x180", "24", "sine=f=330:r=44100:d=4.9"),
    Odd("portrait", "180x320", "30"),
    Odd("photo shape", "240x180", "25", "sine=f=220:r=22050:d=5"),
    Odd("slow", "320x180", "24000/1001", "anoisesrc=a=0.05:r=48000:d=5.2"),
    Odd("fast", "322x182", "60"),
    Odd("short", "160x120", "30", "sine=f=500:r=8000:d=1", 4.8),
]
SILENT = [odd for odd in GOLDEN if odd.sound is None]


async def make_clip(program: Program, odd: Odd, folder: Path) -> Path:
    path = folder / f"{odd.name.replace(' ', '-')}.mp4"
    picture = ffmpeg.input(f"testsrc2=s={odd.size}:r={odd.fps}:d={odd.seconds}", f="lavfi").video
    streams = [picture]
    if odd.sound is not None:
        streams.append(ffmpeg.input(odd.sound, f="lavfi").audio)
    options = {"vcodec": "libx264", "preset": "ultrafast", "pix_fmt": "yuv420p"}
    await program.run(ffmpeg.output(*streams, str(path), **options), folder)
    return path


async def render(program: Program, clip: Path, aspect: str, height: int = 180) -> Path:
    target = clip.with_name(f"{clip.stem}-{aspect.replace(':', 'x')}.segment.mp4")
    frame = frame_of(aspect, height)
    source = Source(clip, Frame(*read_track(clip, "vide").size))
    await program.run(segments.clip_graph(source, frame, 150, target, 2), clip.parent)
    return target
