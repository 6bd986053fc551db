"""A film's frames on one sheet: `python -m local.demo.strip film.mp4 strip.jpg`."""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from local.infrastructure.ffmpeg import find_ffmpeg

EVERY_SECONDS = 2
COLUMNS, WIDTH, MARGIN = 5, 384, 6
MOST_FRAMES = 60
LONGEST_SECONDS = 60


def draw_strip(film: Path, sheet: Path) -> None:
    """A JPEG with a frame of every other second, of the first two minutes.

    Our films have several key frames in every shot, so only those are decoded. Raises
    CalledProcessError for a file that is no film.
    """
    with tempfile.TemporaryDirectory() as folder:
        argv = [str(find_ffmpeg().ffmpeg), "-v", "error", "-nostdin", "-skip_frame", "nokey"]
        argv += ["-i", str(film), "-vf", f"fps=1/{EVERY_SECONDS},scale={WIDTH}:-2"]
        argv += ["-frames:v", str(MOST_FRAMES), "-q:v", "3", f"{folder}/%03d.jpg"]
        subprocess.run(argv, check=True, timeout=LONGEST_SECONDS)
        frames = [Image.open(path).convert("RGB") for path in sorted(Path(folder).iterdir())]
    _laid_out(frames).save(sheet, quality=88)


def _laid_out(frames: list[Image.Image]) -> Image.Image:
    wide, high = WIDTH + MARGIN, frames[0].height + MARGIN
    rows = -(-len(frames) // COLUMNS)
    columns = min(COLUMNS, len(frames))
    sheet = Image.new("RGB", (columns * wide + MARGIN, rows * high + MARGIN), "white")
    for number, frame in enumerate(frames):
        row, column = divmod(number, COLUMNS)
        sheet.paste(frame, (MARGIN + column * wide, MARGIN + row * high))
    return sheet


if __name__ == "__main__":
    draw_strip(Path(sys.argv[1]), Path(sys.argv[2]))
