"""Joins rendered segments and a soundtrack into an MP4 by copying; nothing is decoded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from services.video.media.boxes import Sample, Table, film_header, without_bit_rate
from services.video.media.copying import write_film
from services.video.media.mp4 import NotAnMp4, Run, Track, boxes, read_track

INTERLEAVE_SECONDS = 1.0
AAC_FRAME = 1024
"""Samples of sound per AAC frame; the first frame only primes the decoder."""
VISUAL_ENTRY = 94
"""Where the boxes inside stsd's one visual sample entry begin."""


SOUND_ENTRY = 44
"""Where the boxes inside stsd's one sound sample entry begin."""

Form = tuple[bytes, int]
"""What a decoder is told before the first picture (avcC), and how long it waits to show it."""


class NotJoinable(Exception):
    """The segments were not encoded alike, or a cut is not at a key frame."""


@dataclass(frozen=True)
class Stretch:
    """Frames `[first, first + frames)` of one file: pictures of a segment, or frames of AAC."""

    path: Path
    first: int
    frames: int


def splice(
    stretches: Sequence[Stretch], sound: Sequence[Stretch], target: Path, *, fps: int
) -> str:
    """Write the film and answer its SHA-256; sound is AAC in MP4, in pieces.

    Raises NotJoinable or NotAnMp4.

    The bytes of every sample are copied as they are, so all stretches must share one avcC, size and
    time base, and each must begin at a key frame and end before one (or at its file's end).
    """
    tracks = {path: read_track(path, "vide") for path in {s.path for s in stretches}}
    _refuse_unlike(list(tracks.values()))
    picture = _picture_table(stretches, tracks)
    audio = _sound_table(sound)
    every = [
        _chunks(picture.samples, max(1, round(fps * INTERLEAVE_SECONDS))),
        _chunks(audio.samples, max(1, round(audio.timescale / AAC_FRAME * INTERLEAVE_SECONDS))),
    ]
    order = [
        (kind, every[kind][turn])
        for turn in range(max(map(len, every)))
        for kind in (0, 1)
        if turn < len(every[kind])
    ]
    header = film_header(picture, audio, order)
    return write_film(target, header, (sample for _, chunk in order for sample in chunk))


def _refuse_unlike(tracks: list[Track]) -> None:
    first = tracks[0]
    for track in tracks:
        if form_of(track) != form_of(first):
            raise NotJoinable("segments were encoded with different parameters")
        if track.size != first.size or track.timescale != first.timescale:
            raise NotJoinable("segments differ in size or time base")


def form_of(track: Track) -> Form:
    """What all segments of a film share; raises NotAnMp4 when the track is no H.264."""
    stsd = track.description
    for kind, start, end in boxes(stsd, VISUAL_ENTRY, len(stsd)):
        if kind == b"avcC":
            return stsd[start:end], track.composition[0][1] if track.composition else 0
    raise NotAnMp4("no avcC")


def _picture_table(stretches: Sequence[Stretch], tracks: dict[Path, Track]) -> Table:
    first = tracks[stretches[0].path]
    samples: list[Sample] = []
    durations: list[Run] = []
    composition: list[Run] = []
    keys: list[int] = []
    for stretch in stretches:
        track = tracks[stretch.path]
        _refuse_bad_cut(stretch, track)
        begin, end = stretch.first, stretch.first + stretch.frames
        keys += [len(samples) + k - begin for k in track.key_samples if begin < k <= end]
        samples += _samples(track, begin, end)
        durations += _cut(track.durations, begin, end)
        composition += _cut(track.composition or [(len(track.sizes), 0)], begin, end)
    return Table(
        kind="vide",
        timescale=first.timescale,
        description=without_bit_rate(first.description),
        samples=samples,
        durations=_merged(durations),
        composition=_merged(composition),
        key_samples=keys,
        # The first picture is shown this long after it is decoded; the edit list takes it back.
        start=composition[0][1],
        size=first.size,
    )


def _refuse_bad_cut(stretch: Stretch, track: Track) -> None:
    end = stretch.first + stretch.frames
    keys = set(track.key_samples or range(1, len(track.sizes) + 1))
    if end > len(track.sizes) or stretch.frames < 1:
        raise NotJoinable("a stretch is longer than its segment")
    if stretch.first + 1 not in keys or (end != len(track.sizes) and end + 1 not in keys):
        raise NotJoinable("a cut is not at a key frame")


def _sound_table(pieces: Sequence[Stretch]) -> Table:
    tracks = {path: read_track(path, "soun") for path in {piece.path for piece in pieces}}
    first = tracks[pieces[0].path]
    samples: list[Sample] = []
    for piece in pieces:
        track = tracks[piece.path]
        if _decoder(track) != _decoder(first) or track.timescale != first.timescale:
            raise NotJoinable("pieces of sound were encoded with different parameters")
        if piece.first + piece.frames > len(track.sizes):
            raise NotJoinable("a piece of sound is longer than its file")
        samples += _samples(track, piece.first, piece.first + piece.frames)
    return Table(
        kind="soun",
        timescale=first.timescale,
        description=first.description,
        samples=samples,
        durations=[(len(samples), AAC_FRAME)],
        composition=[],
        key_samples=[],
        start=AAC_FRAME,
        size=(0, 0),
    )


def _decoder(track: Track) -> bytes:
    """What the decoder is told: all of the sample entry up to the descriptor of bit rates."""
    stsd = track.description
    entry = stsd[:SOUND_ENTRY]
    for kind, start, end in boxes(stsd, SOUND_ENTRY, len(stsd)):
        if kind == b"esds":
            at = stsd.rindex(b"\x05", start, end)
            return entry + stsd[at:end]
    raise NotAnMp4("no esds")


def _samples(track: Track, begin: int, end: int) -> list[Sample]:
    both = zip(track.offsets[begin:end], track.sizes[begin:end], strict=True)
    return [Sample(track.path, offset, size) for offset, size in both]


def _cut(runs: Iterable[Run], begin: int, end: int) -> list[Run]:
    kept: list[Run] = []
    position = 0
    for count, value in runs:
        overlap = min(position + count, end) - max(position, begin)
        if overlap > 0:
            kept.append((overlap, value))
        position += count
    return kept


def _merged(runs: list[Run]) -> list[Run]:
    return [
        (sum(count for count, _ in same), value)
        for value, same in groupby(runs, key=lambda run: run[1])
    ]


def _chunks(samples: Sequence[Sample], each: int) -> list[Sequence[Sample]]:
    return [samples[start : start + each] for start in range(0, len(samples), each)]
