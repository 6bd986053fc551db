"""Pictures we draw ourselves: good ones, and every kind of bad one."""

import io
import random
import struct
import zlib
from functools import cache

from PIL import Image, ImageDraw

GPS = {1: "N", 2: (59.0, 54.0, 50.0), 3: "E", 4: (10.0, 45.0, 8.0)}
TOP_LEFT = (250, 20, 20)


@cache
def room(width: int = 480, height: int = 320, seed: int = 0) -> Image.Image:
    """A drawn room whose top left corner is red, so that turning it shows."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (width, height), (120, 116, 108))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height * 0.7, width, height), fill=(94, 70, 48))
    for number in range(4):
        left = width * (0.1 + 0.22 * number)
        colour = tuple(chance.randrange(60, 220) for _ in range(3))
        draw.rectangle((left, height * 0.2, left + width * 0.12, height * 0.7), fill=colour)
    draw.rectangle((0, 0, width // 5, height // 5), fill=TOP_LEFT)
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def jpeg(width: int = 480, height: int = 320, seed: int = 0) -> bytes:
    return encoded(room(width, height, seed), quality=90)


def phone_photo(orientation: int = 6) -> bytes:
    """A JPEG with an orientation, GPS, a serial number and a camera's name."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Nosuch Phone"
    exif.get_ifd(0x8825).update(GPS)
    exif.get_ifd(0x8769)[0xA431] = "SERIAL-123456"
    return encoded(room(), quality=90, exif=exif)


def polyglot() -> bytes:
    """A JPEG that is a web page to whoever sniffs for one."""
    return jpeg() + b"<html><script>alert('hello')</script></html>"


def bomb(width: int, height: int) -> bytes:
    """A PNG of one colour: many pixels in few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\x00" + b"\xff" * ((width + 7) // 8)
    packed = zlib.compressobj(9)
    pixels = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture
