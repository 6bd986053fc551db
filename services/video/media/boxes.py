"""Writes the boxes of an MP4's header."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.video.media.mp4 import Kind, NotAnMp4, Run, boxes

MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
MOVIE_TIMESCALE = 90_000
"""Divides by the frame rate, so that a film's length in frames is exact in its header."""
MAX_BYTES = 2**32 - 1


@dataclass(frozen=True)
class Sample:
    """Where one sample's bytes lie."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Table:
    """One track of the film to be written."""

    kind: Kind
    timescale: int
    description: bytes
    samples: Sequence[Sample]
    durations: list[Run]
    composition: list[Run]
    key_samples: list[int]
    start: int
    """Where in the media the film begins, in units of `timescale`."""
    size: tuple[int, int]

    @property
    def length(self) -> int:
        return sum(count * each for count, each in self.durations)


def box(kind: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind) + b"".join(parts)


def full_box(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", flags), *parts)


def without_bit_rate(stsd: bytes) -> bytes:
    """The one visual sample entry without `btrt`, which tells of a single segment."""
    kept = b"".join(
        stsd[start - 8 : end] for kind, start, end in boxes(stsd, 94, len(stsd)) if kind != b"btrt"
    )
    entry = stsd[12:94] + kept
    return stsd[:8] + struct.pack(">I", len(entry) + 4) + entry


def film_header(picture: Table, sound: Table, order: list[tuple[int, Sequence[Sample]]]) -> bytes:
    """`ftyp`, `moov` and the head of `mdat`; `order` is how the chunks of 0 and 1 follow."""
    first = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    total = sum(sample.size for _, chunk in order for sample in chunk)
    length = len(first) + len(_moov(picture, sound, order, 0)) + 8
    if length + total > MAX_BYTES:
        raise NotAnMp4("the film is longer than 4 GiB")
    moov = _moov(picture, sound, order, length)
    return first + moov + struct.pack(">I4s", 8 + total, b"mdat")


def _moov(
    picture: Table, sound: Table, order: list[tuple[int, Sequence[Sample]]], position: int
) -> bytes:
    chunks: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for kind, chunk in order:
        chunks[kind].append((position, len(chunk)))
        position += sum(sample.size for sample in chunk)
    duration = picture.length * MOVIE_TIMESCALE // picture.timescale
    return box(
        b"moov",
        full_box(
            b"mvhd",
            struct.pack(">IIIII", 0, 0, MOVIE_TIMESCALE, duration, 0x10000),
            struct.pack(">H", 0x100) + bytes(10),
            MATRIX,
            bytes(24),
            struct.pack(">I", 3),
        ),
        _trak(1, picture, chunks[0], duration),
        _trak(2, sound, chunks[1], duration),
    )


def _trak(number: int, table: Table, chunks: list[tuple[int, int]], duration: int) -> bytes:
    is_sound = table.kind == "soun"
    header = full_box(
        b"tkhd",
        struct.pack(">IIIII", 0, 0, number, 0, duration),
        bytes(8),
        struct.pack(">hhhh", 0, 0, 0x100 if is_sound else 0, 0),
        MATRIX,
        struct.pack(">II", table.size[0] << 16, table.size[1] << 16),
        flags=3,
    )
    edit = full_box(b"elst", struct.pack(">IIiI", 1, duration, table.start, 0x10000))
    about = full_box(
        b"mdhd", struct.pack(">IIIIHH", 0, 0, table.timescale, table.length, 0x55C4, 0)
    )
    handler = full_box(b"hdlr", bytes(4) + table.kind.encode() + bytes(12) + b"\0")
    media = full_box(b"smhd", bytes(4)) if is_sound else full_box(b"vmhd", bytes(8), flags=1)
    reference = box(b"dinf", full_box(b"dref", struct.pack(">I", 1), full_box(b"url ", flags=1)))
    information = box(b"minf", media, reference, _sample_table(table, chunks))
    return box(b"trak", header, box(b"edts", edit), box(b"mdia", about, handler, information))


def _sample_table(table: Table, chunks: list[tuple[int, int]]) -> bytes:
    parts = [box(b"stsd", table.description), _runs(b"stts", table.durations)]
    if table.composition:
        parts.append(_runs(b"ctts", table.composition))
    if table.key_samples:
        parts.append(_numbers(b"stss", table.key_samples))
    sizes = [sample.size for sample in table.samples]
    layout = _layout(chunks)
    parts += [
        full_box(
            b"stsc", struct.pack(">I", len(layout)), *(struct.pack(">III", *x) for x in layout)
        ),
        full_box(
            b"stsz", struct.pack(">II", 0, len(sizes)), struct.pack(f">{len(sizes)}I", *sizes)
        ),
        _numbers(b"stco", [offset for offset, _ in chunks]),
    ]
    return box(b"stbl", *parts)


def _layout(chunks: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """From which chunk on how many samples lie in each."""
    layout: list[tuple[int, int, int]] = []
    for number, (_, count) in enumerate(chunks, start=1):
        if not layout or layout[-1][1] != count:
            layout.append((number, count, 1))
    return layout


def _runs(kind: bytes, runs: list[Run]) -> bytes:
    return full_box(kind, struct.pack(">I", len(runs)), *(struct.pack(">Ii", *run) for run in runs))


def _numbers(kind: bytes, numbers: list[int]) -> bytes:
    return full_box(kind, struct.pack(f">I{len(numbers)}I", len(numbers), *numbers))
