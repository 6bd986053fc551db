"""Puts the catalogue's tracks into storage when they are not there yet."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import ffmpeg
import structlog
from PIL import Image, ImageDraw

from chassis.database import Database
from chassis.storage import Storage
from services.video.media.loudness import curve_of
from services.video.media.program import SAFE_INPUT, Program
from services.video.media.synth import Sound, envelope_of, synthesise, write_wave
from services.video.music import repository
from services.video.music.rules import ARTIST, CATALOGUE, LICENSE, PREVIEW_SECONDS, Entry

log = structlog.get_logger()

WAVEFORM = (800, 120)
BAR_PIXELS = 4


async def prepare_catalogue(database: Database, storage: Storage, program: Program) -> None:
    """Safe to repeat and in every replica: the same recipe gives the same files and one row."""
    async with database.across_workspaces() as session:
        tracks = await repository.list_tracks(session)
    known = {track.id for track in tracks if track.loudness_curve}
    for entry in CATALOGUE:
        if entry.id not in known:
            await _add(database, storage, program, entry)


async def _add(database: Database, storage: Storage, program: Program, entry: Entry) -> None:
    with tempfile.TemporaryDirectory(prefix="video-music-") as name:
        folder = Path(name)
        curve = await asyncio.to_thread(_draw, entry, folder)
        await program.run(_encoded(folder), folder)
        for file_name, kind in FILES.items():
            await storage.upload(folder / file_name, entry.key(file_name), content_type=kind)
    async with database.across_workspaces() as session:
        await repository.add_track(session, {**_row(entry), "loudness_curve": curve})
    log.info("music.track_added", track_id=entry.id)


FILES = {"track.m4a": "audio/mp4", "preview.m4a": "audio/mp4", "waveform.png": "image/png"}


def _draw(entry: Entry, folder: Path) -> list[float]:
    """Its sound and its picture as files; answers its loudness curve."""
    sound = synthesise(entry.recipe)
    write_wave(folder / "track.wav", sound)
    _waveform(sound).save(folder / "waveform.png", optimize=True)
    return curve_of(sound)


def _waveform(sound: Sound) -> Image.Image:
    """White bars on nothing, so that a page may colour them."""
    width, height = WAVEFORM
    picture = Image.new("LA", WAVEFORM)
    draw = ImageDraw.Draw(picture)
    for number, loudest in enumerate(envelope_of(sound, width // BAR_PIXELS)):
        left, tall = number * BAR_PIXELS, max(1, round(float(loudest) * height / 2))
        box = (left, height // 2 - tall, left + BAR_PIXELS - 2, height // 2 + tall)
        draw.rectangle(box, fill=(255, 255))
    return picture


def _encoded(folder: Path) -> Any:
    wave = ffmpeg.input(str(folder / "track.wav"), f="wav", **SAFE_INPUT).audio
    both = wave.filter_multi_output("asplit", 2)
    preview = both[1].filter("atrim", duration=PREVIEW_SECONDS)
    faded = preview.filter("afade", t="out", st=PREVIEW_SECONDS - 2, d=2)
    files = ((both[0], "track.m4a", "192k"), (faded, "preview.m4a", "96k"))
    return ffmpeg.merge_outputs(
        *(
            ffmpeg.output(
                sound,
                str(folder / name),
                acodec="aac",
                audio_bitrate=rate,
                format="mp4",
                movflags="+faststart",
            )
            for sound, name, rate in files
        )
    )


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "artist": ARTIST,
        "category": entry.category,
        "mood": entry.mood,
        "bpm": entry.recipe.bpm,
        "duration_seconds": entry.recipe.seconds,
        "beats_ms": entry.recipe.beats_ms(),
        "audio_key": entry.key("track.m4a"),
        "preview_key": entry.key("preview.m4a"),
        "waveform_key": entry.key("waveform.png"),
        "license_type": LICENSE,
        "attribution": entry.attribution,
        "is_active": True,
    }
