"""Writes a film's bytes: a header, then samples copied from their files inside the kernel."""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from services.video.media.boxes import Sample
from services.video.media.mp4 import NotAnMp4

PIECE_BYTES = 1024 * 1024
Piece = tuple[Path, int, int]
"""A file, where in it, and how many bytes."""


def write_film(target: Path, header: bytes, samples: Iterable[Sample]) -> str:
    """Answers the file's SHA-256: what is written is read back while the next piece is copied."""
    digest, reading, sources = hashlib.sha256(), [], {}
    with ExitStack() as opened:
        film = _open(opened, target, os.O_CREAT | os.O_TRUNC | os.O_RDWR)
        behind = opened.enter_context(ThreadPoolExecutor(max_workers=1))
        end = os.write(film, header)
        reading.append(behind.submit(_read_into, digest, film, 0, end))
        for path, offset, size in _contiguous(samples):
            if path not in sources:
                sources[path] = _open(opened, path, os.O_RDONLY)
            _copy(sources[path], film, offset, size)
            reading.append(behind.submit(_read_into, digest, film, end, size))
            end += size
        for read in reading:
            read.result()
    return digest.hexdigest()


def _open(opened: ExitStack, path: Path, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    opened.callback(os.close, descriptor)
    return descriptor


def _contiguous(samples: Iterable[Sample]) -> list[Piece]:
    """Samples that lie next to each other are copied in one piece."""
    listed = list(samples)
    starts = [0] + [
        number
        for number, (a, b) in enumerate(pairwise(listed), start=1)
        if (a.path, a.offset + a.size) != (b.path, b.offset)
    ]
    pieces = []
    for begin, end in pairwise([*starts, len(listed)]):
        whole = listed[begin:end]
        pieces.append((whole[0].path, whole[0].offset, sum(sample.size for sample in whole)))
    return pieces


def _copy(source: int, film: int, offset: int, size: int) -> None:
    while size:
        try:
            done = os.copy_file_range(source, film, size, offset)
        except OSError:
            # Not every file system copies inside the kernel.
            done = os.sendfile(film, source, offset, size)
        if done <= 0:
            raise NotAnMp4("a segment ended early")
        offset, size = offset + done, size - done


def _read_into(digest: Any, film: int, offset: int, size: int) -> None:
    while size:
        piece = os.pread(film, min(size, PIECE_BYTES), offset)
        if not piece:
            raise NotAnMp4("the film ended early")
        digest.update(piece)
        offset, size = offset + len(piece), size - len(piece)
