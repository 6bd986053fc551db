"""Draws sample rooms as a phone would have taken them: too dark, a little tilted and off in colour.

So the demo needs no photographs of anybody's home; `PHOTOS=dir` takes real ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (2016, 1512)
TILT_DEGREES = 1.8
EXPOSURE = 0.55
COLOUR_CAST = (1.06, 1.0, 0.88)
JPEG_QUALITY = 90

Colour = tuple[int, int, int]
Draw = ImageDraw.ImageDraw


@dataclass(frozen=True)
class Room:
    """A room's name in file names, its colours, and what stands in it."""

    name: str
    wall: Colour
    floor: Colour
    furnish: Callable[[Draw], None]
    has_window: bool = True


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
WOOD: Colour = (150, 110, 74)
LEAF: Colour = (70, 112, 72)


def _shell(draw: Draw, room: Room) -> None:
    """Back wall, side walls, ceiling and boarded floor in one-point perspective."""
    width, height = SIZE
    left, right, top, bottom = 480, 1530, 330, 980
    draw.rectangle((0, 0, width, height), fill=room.wall)
    draw.polygon([(0, 0), (width, 0), (right, top), (left, top)], fill=_mix(room.wall, WHITE, 0.5))
    draw.polygon([(0, height), (left, bottom), (right, bottom), (width, height)], fill=room.floor)
    centre = (left + right) / 2
    for board in range(-12, 28):
        x = left + (right - left) * board / 14
        line = [(x, bottom), (centre + (x - centre) * 2.6, height)]
        draw.line(line, fill=_mix(room.floor, BLACK, 0.25), width=3)
    draw.polygon(
        [(0, 0), (left, top), (left, bottom), (0, height)], fill=_mix(room.wall, BLACK, 0.12)
    )
    draw.polygon(
        [(width, 0), (right, top), (right, bottom), (width, height)],
        fill=_mix(room.wall, BLACK, 0.2),
    )
    draw.line([(left, bottom - 6), (right, bottom - 6)], fill=WHITE, width=12)
    if room.has_window:
        _window(draw, (640, 430, 1010, 800))


def _window(draw: Draw, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    draw.rectangle(box, fill=(206, 224, 240))
    draw.polygon(
        [
            (left, bottom),
            (left + 120, bottom - 90),
            (left + 240, bottom - 40),
            (right, bottom - 110),
            (right, bottom),
        ],
        fill=(128, 150, 122),
    )
    draw.rectangle(box, outline=(250, 250, 248), width=16)
    middle = (left + right) // 2
    draw.line([(middle, top), (middle, bottom)], fill=(250, 250, 248), width=12)
    draw.line([(left, top + 130), (right, top + 130)], fill=(250, 250, 248), width=10)


def _plant(draw: Draw, x: int, y: int) -> None:
    for lean in range(-70, 71, 20):
        draw.line([(x, y), (x + lean, y - 190 + abs(lean))], fill=LEAF, width=9)
        draw.ellipse(
            (x + lean - 34, y - 230 + abs(lean), x + lean + 34, y - 160 + abs(lean)), fill=LEAF
        )
    draw.polygon(
        [(x - 50, y), (x + 50, y), (x + 36, y + 90), (x - 36, y + 90)], fill=(214, 196, 176)
    )


def _living_room(draw: Draw) -> None:
    draw.polygon([(560, 1400), (1480, 1400), (1320, 1080), (700, 1080)], fill=(196, 184, 166))
    draw.rounded_rectangle((640, 880, 1400, 1120), 46, fill=(94, 112, 128))
    draw.rounded_rectangle((600, 960, 740, 1200), 40, fill=(80, 98, 114))
    draw.rounded_rectangle((1300, 960, 1440, 1200), 40, fill=(80, 98, 114))
    draw.ellipse((840, 1180, 1220, 1320), fill=WOOD)
    draw.rectangle((1130, 470, 1390, 690), fill=(236, 228, 214), outline=(60, 52, 44), width=8)
    _plant(draw, 1640, 1080)


def _kitchen(draw: Draw) -> None:
    draw.rectangle((480, 860, 1530, 1000), fill=(232, 230, 226))
    draw.rectangle((480, 830, 1530, 866), fill=WOOD)
    for x in range(480, 1530, 175):
        draw.rectangle((x, 872, x + 168, 996), outline=(180, 178, 172), width=5)
    draw.rectangle((1080, 380, 1530, 590), fill=(226, 224, 220), outline=(180, 178, 172), width=6)
    draw.rectangle((1120, 780, 1300, 834), fill=(40, 42, 46))
    draw.polygon([(420, 1440), (1600, 1440), (1440, 1130), (580, 1130)], fill=(170, 130, 92))


def _bedroom(draw: Draw) -> None:
    draw.rectangle((1040, 680, 1530, 980), fill=(132, 104, 82))
    draw.polygon([(820, 1360), (1700, 1360), (1500, 920), (1060, 920)], fill=(238, 236, 232))
    draw.polygon([(820, 1360), (1700, 1360), (1630, 1200), (900, 1200)], fill=(112, 132, 122))
    draw.rounded_rectangle((1090, 850, 1280, 950), 30, fill=WHITE)
    draw.rounded_rectangle((1300, 850, 1490, 950), 30, fill=WHITE)
    _plant(draw, 560, 1090)


def _bathroom(draw: Draw) -> None:
    for x in range(480, 1540, 75):
        draw.line([(x, 330), (x, 980)], fill=(196, 206, 208), width=3)
    for y in range(330, 990, 75):
        draw.line([(480, y), (1530, y)], fill=(196, 206, 208), width=3)
    draw.rounded_rectangle(
        (560, 1010, 1180, 1250), 90, fill=(248, 248, 248), outline=(190, 194, 196), width=6
    )
    draw.rectangle((1240, 820, 1500, 1000), fill=WOOD)
    draw.ellipse((1280, 790, 1460, 850), fill=WHITE)
    draw.rounded_rectangle(
        (1250, 460, 1490, 740), 20, fill=(198, 212, 220), outline=(120, 120, 120), width=6
    )


def _hallway(draw: Draw) -> None:
    draw.rectangle((820, 420, 1190, 980), fill=(242, 240, 236), outline=(180, 176, 168), width=10)
    draw.ellipse((1120, 690, 1154, 724), fill=(120, 110, 90))
    draw.polygon([(820, 1480), (1220, 1480), (1120, 1000), (900, 1000)], fill=(132, 84, 70))
    for x in (1290, 1360, 1430):
        draw.line([(x, 470), (x, 560)], fill=(70, 60, 50), width=10)
        draw.rounded_rectangle(
            (x - 30, 540, x + 36, 820), 24, fill=_mix((80, 96, 120), WHITE, (x - 1290) / 280)
        )


def _dining_room(draw: Draw) -> None:
    draw.ellipse((660, 1010, 1420, 1270), fill=(222, 208, 186))
    for x, y in ((640, 1010), (1340, 1010), (780, 1230), (1200, 1230)):
        draw.rounded_rectangle((x, y - 150, x + 110, y + 110), 24, fill=(64, 60, 56))
    draw.line([(1040, 330), (1040, 620)], fill=(50, 46, 42), width=6)
    draw.polygon([(940, 720), (1140, 720), (1080, 610), (1000, 610)], fill=(222, 176, 92))


ROOMS = (
    Room("living-room", (222, 214, 202), (172, 132, 92), _living_room),
    Room("kitchen", (226, 228, 226), (158, 128, 98), _kitchen),
    Room("bedroom", (206, 214, 210), (178, 142, 104), _bedroom),
    Room("bathroom", (224, 232, 234), (122, 126, 130), _bathroom, has_window=False),
    Room("hallway", (230, 222, 208), (140, 108, 80), _hallway, has_window=False),
    Room("dining-room", (212, 204, 198), (150, 112, 78), _dining_room),
)


def draw_room(room: Room) -> Image.Image:
    """The room as it is: RGB, 2016 × 1512 pixels."""
    picture = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(picture)
    _shell(draw, room)
    room.furnish(draw)
    return picture.filter(ImageFilter.GaussianBlur(1.2))


def photograph(picture: Image.Image, seed: int) -> Image.Image:
    """The picture as a hurried phone takes it: tilted, dark, warm and a little noisy."""
    tilted = picture.rotate(TILT_DEGREES, Image.Resampling.BICUBIC, expand=False)
    margin = 60
    width, height = SIZE
    cropped = tilted.crop((margin, margin, width - margin, height - margin))
    pixels = np.asarray(cropped.resize(SIZE, Image.Resampling.BICUBIC), dtype=np.float32)
    noise = np.random.default_rng(seed).normal(0, 3.0, pixels.shape).astype(np.float32)
    rows = np.linspace(1.05, 0.85, pixels.shape[0], dtype=np.float32)[:, None, None]
    seen = pixels * EXPOSURE * rows * np.array(COLOUR_CAST, dtype=np.float32) + noise
    return Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))


def draw_photos(directory: Path) -> list[Path]:
    """Write the sample photos into the directory, `1-living-room.jpg` and so on."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, room in enumerate(ROOMS, start=1):
        path = directory / f"{number}-{room.name}.jpg"
        if not path.exists():
            photograph(draw_room(room), number).save(path, quality=JPEG_QUALITY)
        paths.append(path)
    return paths
