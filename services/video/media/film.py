"""A film from storage to storage: what is still missing of its sound, the join, its checks."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.storage import ObjectMissing
from contracts.video import FilmFile
from services.video.media import checks, segments
from services.video.media.score import Region
from services.video.media.soundtrack import decode_music, make_region, stretch_of
from services.video.media.splice import Stretch, splice
from services.video.media.units import Studio

TRANSFERS_AT_ONCE = 4
ENCODERS_AT_ONCE = 2


@dataclass(frozen=True)
class SoundOrder:
    """The sound of a film: its regions and where each of them lies, or will lie, in storage."""

    regions: Sequence[Region]
    keys: Sequence[str]


@dataclass(frozen=True)
class FilmOrder:
    """A film to join: per aspect ratio its stretches, the sound, and the folder of its files."""

    outputs: dict[str, list[dict[str, Any]]]
    height: int
    sound: SoundOrder
    folder_key: str


@dataclass(frozen=True)
class RenderedFilm:
    """Every file of a finished film, checked and stored."""

    files: list[FilmFile]
    poster_key: str
    thumbnail_key: str


async def compile_film(studio: Studio, order: FilmOrder) -> RenderedFilm:
    """Join, check and store every output; raises FilmBroken and what rendering raises."""
    keys = [stretch["key"] for every in order.outputs.values() for stretch in every]
    async with studio.folder() as folder:
        files, sound = await asyncio.gather(
            _download(studio, keys, folder / "segments"), gather_sound(studio, order.sound, folder)
        )
        films, stills = await asyncio.gather(
            _join(studio, order, files, sound, folder),
            _make_stills(studio, order, files[keys[0]], folder),
        )
        return RenderedFilm(films, *stills)


async def _join(
    studio: Studio,
    order: FilmOrder,
    files: dict[str, Path],
    sound: Sequence[Stretch],
    folder: Path,
) -> list[FilmFile]:
    films = await asyncio.to_thread(join_films, order, files, sound, folder)
    await _upload(studio, {film.key: folder / Path(film.key).name for film in films})
    return films


async def _make_stills(
    studio: Studio, order: FilmOrder, segment: Path, folder: Path
) -> tuple[str, str]:
    """The keys of poster and thumbnail; the film is joined meanwhile."""
    names = ("poster.jpg", "thumbnail.jpg")
    poster, thumbnail = (folder / name for name in names)
    await checks.make_pictures(studio.program, segment, poster, thumbnail)
    keys = tuple(f"{order.folder_key}/{name}" for name in names)
    await _upload(studio, dict(zip(keys, (poster, thumbnail), strict=True)))
    return keys[0], keys[1]


def join_films(
    order: FilmOrder, files: dict[str, Path], sound: Sequence[Stretch], folder: Path
) -> list[FilmFile]:
    """Write every output into `folder` by copying, check its joins, and describe it."""
    made = []
    for aspect_ratio, stretches in order.outputs.items():
        film = folder / f"film-{aspect_ratio.replace(':', 'x')}.mp4"
        cuts = [Stretch(files[s["key"]], s["first"], s["frames"]) for s in stretches]
        digest = splice(cuts, sound, film, fps=segments.FPS)
        frame = segments.frame_of(aspect_ratio, order.height)
        checks.check_film(film, frame, cuts)
        told = {
            "aspect_ratio": aspect_ratio,
            "key": f"{order.folder_key}/{film.name}",
            "width": frame.width,
            "height": frame.height,
            "size_bytes": film.stat().st_size,
            "duration_seconds": sum(cut.frames for cut in cuts) / segments.FPS,
            "sha256": digest,
        }
        made.append(FilmFile.model_validate(told))
    return made


async def gather_sound(studio: Studio, order: SoundOrder, folder: Path) -> list[Stretch]:
    """Every region as a file in `folder`: fetched when it was prepared, made when it was not."""
    place = folder / "regions"
    there = await _download(studio, order.keys, place, may_be_missing=True)
    missing = [
        (region, key)
        for region, key in zip(order.regions, order.keys, strict=True)
        if key not in there
    ]
    there |= await make_sound(studio, missing, folder)
    both = zip(order.regions, order.keys, strict=True)
    return [stretch_of(region, there[key]) for region, key in both]


async def make_sound(
    studio: Studio, wanted: Sequence[tuple[Region, str]], folder: Path
) -> dict[str, Path]:
    """Make regions from voices and music, store them under their keys, and answer the files."""
    if not wanted:
        return {}
    voices = {v.key for region, _ in wanted for v in region.voices if v.key is not None}
    tune = wanted[0][0].tune
    files = await _download(studio, voices, folder / "voices")
    if tune is not None:
        files[tune.key] = await studio.music(tune.key, decode_music)
    gate = asyncio.Semaphore(ENCODERS_AT_ONCE)

    async def one(number: int, region: Region, key: str) -> tuple[str, Path]:
        target = folder / f"made-{number}.m4a"
        async with gate:
            await make_region(studio.program, region, files, target)
        await studio.storage.upload(target, key, content_type="audio/mp4")
        return key, target

    jobs = [one(number, region, key) for number, (region, key) in enumerate(wanted)]
    return dict(await asyncio.gather(*jobs))


async def _download(
    studio: Studio, keys: Iterable[str], folder: Path, *, may_be_missing: bool = False
) -> dict[str, Path]:
    """Each object once, a few at a time; raises ObjectMissing unless that may be."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    gate = asyncio.Semaphore(TRANSFERS_AT_ONCE)

    async def one(number: int, key: str) -> tuple[str, Path] | None:
        path = folder / f"{number}{Path(key).suffix}"
        async with gate:
            try:
                await studio.storage.download(key, path)
            except ObjectMissing:
                if not may_be_missing:
                    raise
                return None
        return key, path

    distinct = sorted(set(keys))
    found = await asyncio.gather(*(one(number, key) for number, key in enumerate(distinct)))
    return dict(pair for pair in found if pair is not None)


async def _upload(studio: Studio, files: dict[str, Path]) -> None:
    kinds = {".mp4": "video/mp4", ".jpg": "image/jpeg"}
    uploads = (
        studio.storage.upload(path, key, content_type=kinds[path.suffix])
        for key, path in files.items()
    )
    await asyncio.gather(*uploads)
