"""Reads an MP4's tables without decoding it, however hostile the file."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["vide", "soun"]
Run = tuple[int, int]
"""How many samples, and the value they share."""

MAX_MOOV_BYTES = 32 * 1024 * 1024
MAX_SAMPLES = 500_000
SAMPLE_ENTRY = 8
"""Where the sample entry starts in stsd, after version, flags and count."""


class NotAnMp4(Exception):
    """The file is not a whole MP4 of the kind we asked for."""


@dataclass(frozen=True)
class Track:
    """One track's tables; durations in units of `timescale`, sizes and offsets in bytes."""

    path: Path
    kind: Kind
    timescale: int
    description: bytes
    durations: list[Run]
    composition: list[Run]
    key_samples: list[int]
    """1-based; empty when every sample is one."""
    sizes: list[int]
    offsets: list[int]

    @property
    def duration_seconds(self) -> float:
        return sum(count * each for count, each in self.durations) / self.timescale

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, of a video track."""
        width, height = struct.unpack_from(">HH", self.description, SAMPLE_ENTRY + 32)
        return int(width), int(height)

    @property
    def codec(self) -> str:
        return self.description[SAMPLE_ENTRY + 4 : SAMPLE_ENTRY + 8].decode("latin-1")


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each box's content; raises NotAnMp4 on nonsense."""
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start + 8)
            header = 16
        elif length == 0:
            length = end - start
        if length < header or start + length > end:
            raise NotAnMp4("a box does not fit")
        yield kind, start + header, start + length
        start += length


def find(data: bytes, start: int, end: int, *path: bytes) -> tuple[int, int] | None:
    for wanted in path:
        inside = next(((s, e) for kind, s, e in boxes(data, start, end) if kind == wanted), None)
        if inside is None:
            return None
        start, end = inside
    return start, end


def read_track(path: Path, kind: Kind) -> Track:
    """The first track of the kind; raises NotAnMp4 when there is none or the file is cut off."""
    track = find_track(path, kind)
    if track is None:
        raise NotAnMp4(f"no {kind} track")
    return track


def find_track(path: Path, kind: Kind) -> Track | None:
    """The first track of the kind, None without one; raises NotAnMp4 when the file is broken."""
    try:
        moov = _moov(path)
        for name, start, end in boxes(moov, 8, len(moov)):
            if name == b"trak" and _handler(moov, start, end) == kind.encode():
                return _track(path, kind, moov, (start, end))
    except (struct.error, IndexError, ZeroDivisionError) as error:
        raise NotAnMp4("its tables are broken") from error
    return None


def _moov(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size:
            file.seek(position)
            header = file.read(16)
            length, kind = struct.unpack_from(">I4s", header)
            if length == 1:
                (length,) = struct.unpack_from(">Q", header, 8)
            if position == 0 and kind != b"ftyp":
                raise NotAnMp4("it does not begin with ftyp")
            if kind == b"moov" and 8 < length <= MAX_MOOV_BYTES and position + length <= size:
                file.seek(position)
                return file.read(length)
            if length < 8:
                raise NotAnMp4("a box has no length")
            position += length
    raise NotAnMp4("it has no moov")


def _handler(moov: bytes, start: int, end: int) -> bytes:
    at = find(moov, start, end, b"mdia", b"hdlr")
    return moov[at[0] + 8 : at[0] + 12] if at else b""


def _track(path: Path, kind: Kind, moov: bytes, box: tuple[int, int]) -> Track:
    media = _must(moov, box, b"mdia", b"mdhd")
    timescale_at = media[0] + (20 if moov[media[0]] == 1 else 12)
    (timescale,) = struct.unpack_from(">I", moov, timescale_at)
    table = _must(moov, box, b"mdia", b"minf", b"stbl")
    sizes = _sizes(moov, table)
    description = _must(moov, table, b"stsd")
    track = Track(
        path=path,
        kind=kind,
        timescale=timescale,
        description=moov[description[0] : description[1]],
        durations=_runs(moov, table, b"stts", ">II"),
        composition=_runs(moov, table, b"ctts", ">Ii"),
        key_samples=_numbers(moov, find(moov, *table, b"stss"), ">I"),
        sizes=sizes,
        offsets=_offsets(moov, table, sizes),
    )
    _check(track, path.stat().st_size)
    return track


def _check(track: Track, file_bytes: int) -> None:
    """Every table speaks of the same samples, and all of them lie inside the file."""
    count = len(track.sizes)
    timed = sum(run[0] for run in track.durations)
    composed = sum(run[0] for run in track.composition) or count
    if not count or not track.timescale or timed != count or composed != count:
        raise NotAnMp4("its tables disagree")
    last = max(o + s for o, s in zip(track.offsets, track.sizes, strict=True))
    if last > file_bytes:
        raise NotAnMp4("it is cut off")


def _must(moov: bytes, box: tuple[int, int], *path: bytes) -> tuple[int, int]:
    at = find(moov, *box, *path)
    if at is None:
        raise NotAnMp4(f"no {path[-1].decode('latin-1')}")
    return at


def _numbers(moov: bytes, at: tuple[int, int] | None, form: str) -> list[int]:
    if at is None:
        return []
    (count,) = struct.unpack_from(">I", moov, at[0] + 4)
    width = struct.calcsize(form)
    if count > MAX_SAMPLES or at[0] + 8 + count * width > at[1]:
        raise NotAnMp4("a table is too long")
    return [x[0] for x in struct.iter_unpack(form, moov[at[0] + 8 : at[0] + 8 + count * width])]


def _runs(moov: bytes, table: tuple[int, int], name: bytes, form: str) -> list[Run]:
    at = find(moov, *table, name)
    if at is None:
        return []
    (count,) = struct.unpack_from(">I", moov, at[0] + 4)
    if count > MAX_SAMPLES or at[0] + 8 + count * 8 > at[1]:
        raise NotAnMp4("a table is too long")
    return list(struct.iter_unpack(form, moov[at[0] + 8 : at[0] + 8 + 8 * count]))


def _sizes(moov: bytes, table: tuple[int, int]) -> list[int]:
    at = _must(moov, table, b"stsz")
    same, count = struct.unpack_from(">II", moov, at[0] + 4)
    if count > MAX_SAMPLES:
        raise NotAnMp4("it has too many samples")
    if same:
        return [same] * count
    return [x[0] for x in struct.iter_unpack(">I", moov[at[0] + 12 : at[0] + 12 + 4 * count])]


def _offsets(moov: bytes, table: tuple[int, int], sizes: list[int]) -> list[int]:
    """Where each sample begins in the file, from chunks (stco) and samples per chunk (stsc)."""
    chunks = _numbers(moov, find(moov, *table, b"stco"), ">I")
    chunks = chunks or _numbers(moov, find(moov, *table, b"co64"), ">Q")
    at = _must(moov, table, b"stsc")
    (count,) = struct.unpack_from(">I", moov, at[0] + 4)
    if count > MAX_SAMPLES or at[0] + 8 + count * 12 > at[1]:
        raise NotAnMp4("a table is too long")
    layout = list(struct.iter_unpack(">III", moov[at[0] + 8 : at[0] + 8 + 12 * count]))
    offsets: list[int] = []
    entry = 0
    for number, position in enumerate(chunks, start=1):
        while entry + 1 < len(layout) and layout[entry + 1][0] <= number:
            entry += 1
        for _ in range(min(layout[entry][1], len(sizes) - len(offsets))):
            offsets.append(position)
            position += sizes[len(offsets) - 1]
    if len(offsets) != len(sizes):
        raise NotAnMp4("its tables disagree")
    return offsets


def is_faststart(path: Path) -> bool:
    """True when a player can begin before it has the whole file."""
    with path.open("rb") as file:
        position, size = 0, os.fstat(file.fileno()).st_size
        while position + 8 <= size:
            file.seek(position)
            length, kind = struct.unpack(">I4s", file.read(8))
            if kind in (b"moov", b"mdat"):
                return bool(kind == b"moov")
            position += max(8, length)
    return False
