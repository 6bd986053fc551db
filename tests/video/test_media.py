"""Pictures and sound by real FFmpeg: what goes in, however odd, comes out in one exact form."""

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.video.media import checks, segments
from services.video.media.mp4 import is_faststart, read_track
from services.video.media.program import Program, RenderFailed
from services.video.media.segments import CROSS_FADE_FRAMES, FPS, Frame, Source, frame_of
from services.video.media.splice import NotJoinable, Stretch, splice
from services.video.media.synth import synthesise
from services.video.music.rules import CATALOGUE
from tests.video.pictures import GOLDEN, Odd, make_clip, photo, render
from tests.video.sounds import Tracked, heard, make_track, silence, sound_of


def probe(program: Program, film: Path, *arguments: str) -> str:
    argv = [program.path, "-hide_banner", "-f", "mov", "-i", str(film), *arguments]
    done = subprocess.run([*argv, "-f", "null", "-"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr


def decoded_errors(program: Program, film: Path) -> str:
    argv = [program.path, "-v", "error", "-xerror", "-f", "mov", "-i", str(film)]
    done = subprocess.run([*argv, "-f", "null", "-"], capture_output=True, text=True, timeout=60)
    return done.stderr


@pytest.fixture(scope="session")
async def track(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    return await make_track(program, tmp_path_factory.mktemp("music"))


@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1"])
async def test_mixed_clips_become_one_clean_film(
    program: Program, track: Tracked, tmp_path: Path, aspect: str
) -> None:
    clips = [await make_clip(program, odd, tmp_path) for odd in GOLDEN]
    parts = [await render(program, clip, aspect) for clip in clips]
    native = [await heard(program, clip) for clip in clips]
    sound = await sound_of(program, native, tmp_path, track)
    film, frames = tmp_path / "film.mp4", 150 * len(clips)
    cuts = [Stretch(part, 0, 150) for part in parts]
    splice(cuts, sound, film, fps=FPS)

    checks.check_film(film, frame_of(aspect, 180), cuts)
    assert decoded_errors(program, film) == ""
    assert is_faststart(film)
    picture, audio = read_track(film, "vide"), read_track(film, "soun")
    assert picture.size == (frame_of(aspect, 180).width, frame_of(aspect, 180).height)
    assert len(picture.sizes) == frames
    said = probe(program, film, "-af", "ebur128=framelog=quiet")
    assert re.search(r"h264 \(High\).*yuv420p\(tv, bt709", said)
    assert re.search(r"aac.*48000 Hz, stereo", said)
    assert "Duration: 00:00:30.00" in said
    [loudness] = re.findall(r"\bI:\s+(-?[\d.]+) LUFS", said)
    assert abs(float(loudness) + 16) <= 1
    assert abs(audio.duration_seconds - 1024 / 48000 - frames / FPS) < 1 / FPS


async def test_a_film_of_twenty_clips_is_exact(program: Program, tmp_path: Path) -> None:
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    part, native = await render(program, clip, "16:9"), await heard(program, clip)
    sound = await sound_of(program, [native] * 20, tmp_path)
    film, cuts = tmp_path / "film.mp4", [Stretch(part, 0, 150)] * 20
    splice(cuts, sound, film, fps=FPS)
    checks.check_film(film, frame_of("16:9", 180), cuts)
    assert decoded_errors(program, film) == ""


async def test_a_segment_looks_like_its_clip(program: Program, tmp_path: Path) -> None:
    clip = await make_clip(program, Odd("same", "640x360", "30"), tmp_path)
    part = await render(program, clip, "16:9", 360)
    graph = "[0:v]settb=1/30[a];[1:v]settb=1/30[b];[a][b]ssim"
    argv = [program.path, "-hide_banner", "-i", str(part), "-i", str(clip), "-lavfi", graph]
    done = subprocess.run([*argv, "-f", "null", "-"], capture_output=True, text=True, timeout=60)
    [likeness] = re.findall(r"All:([\d.]+)", done.stderr)
    assert float(likeness) >= 0.97


async def test_a_cross_fade_encodes_only_its_seam(program: Program, tmp_path: Path) -> None:
    clips = [await make_clip(program, odd, tmp_path) for odd in GOLDEN[:2]]
    before, after = [await render(program, clip, "16:9") for clip in clips]
    seam = tmp_path / "seam.mp4"
    await program.run(segments.seam_graph(before, after, 150, seam, 2), tmp_path)
    key, frames, _ = await heard(program, clips[0])
    sound = await sound_of(program, [(key, frames, CROSS_FADE_FRAMES), (None, 150, 0)], tmp_path)
    film = tmp_path / "film.mp4"
    cut = CROSS_FADE_FRAMES
    stretches = [Stretch(before, 0, 150 - cut), Stretch(seam, 0, cut), Stretch(after, cut, 135)]
    splice(stretches, sound, film, fps=FPS)
    checks.check_film(film, frame_of("16:9", 180), stretches)
    assert decoded_errors(program, film) == ""


async def test_a_photo_becomes_a_slow_move(program: Program, tmp_path: Path) -> None:
    still = tmp_path / "photo"
    still.write_bytes(photo(3, 400, 300))
    target = tmp_path / "move.mp4"
    graph = segments.photo_graph(
        Source(still, Frame(400, 300)), frame_of("9:16", 180), 150, target, 2
    )
    await program.run(graph, tmp_path)
    track = read_track(target, "vide")
    assert (len(track.sizes), track.size) == (150, (180, 320))
    clip = await make_clip(program, GOLDEN[1], tmp_path)
    part = await render(program, clip, "9:16")
    sound = await sound_of(program, silence(2), tmp_path)
    splice([Stretch(target, 0, 150), Stretch(part, 0, 150)], sound, tmp_path / "f.mp4", fps=FPS)


async def test_unlike_segments_are_never_joined(program: Program, tmp_path: Path) -> None:
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    parts = [await render(program, clip, aspect) for aspect in ("16:9", "9:16")]
    sound = await sound_of(program, silence(2), tmp_path)
    with pytest.raises(NotJoinable):
        splice([Stretch(part, 0, 150) for part in parts], sound, tmp_path / "f.mp4", fps=FPS)
    with pytest.raises(NotJoinable):
        splice([Stretch(parts[0], 7, 100)], sound, tmp_path / "f.mp4", fps=FPS)


async def test_a_broken_film_is_never_published(program: Program, tmp_path: Path) -> None:
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    part = await render(program, clip, "16:9")
    film, frame, cuts = tmp_path / "film.mp4", frame_of("16:9", 180), [Stretch(part, 0, 150)]
    splice(cuts, await sound_of(program, [(None, 100, 0)], tmp_path), film, fps=FPS)
    with pytest.raises(checks.FilmBroken, match="differ in length"):
        checks.check_film(film, frame, cuts)
    splice(cuts, await sound_of(program, silence(1), tmp_path), film, fps=FPS)
    checks.check_film(film, frame, cuts)
    with pytest.raises(checks.FilmBroken, match="other frames"):
        checks.check_film(film, frame, [Stretch(part, 0, 151)])
    with pytest.raises(checks.FilmBroken, match="key frame"):
        checks.check_film(film, frame, [Stretch(part, 0, 20), Stretch(part, 20, 130)])
    with film.open("ab") as file:
        file.write(b"more")
    with pytest.raises(checks.FilmBroken, match="other bytes"):
        checks.check_film(film, frame, cuts)


async def test_a_segment_with_a_broken_picture_is_refused(program: Program, tmp_path: Path) -> None:
    clip = await make_clip(program, GOLDEN[0], tmp_path)
    part = await render(program, clip, "16:9")
    await checks.check_segment(program, part, frame_of("16:9", 180), 150)
    with pytest.raises(checks.FilmBroken, match="other frames"):
        await checks.check_segment(program, part, frame_of("16:9", 180), 149)
    at = read_track(part, "vide").offsets[15]
    data = bytearray(part.read_bytes())
    data[at + 8 : at + 400] = bytes(392)
    part.write_bytes(data)
    with pytest.raises((checks.FilmBroken, RenderFailed)):
        await checks.check_segment(program, part, frame_of("16:9", 180), 150)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.id)
def test_tracks_are_whole_and_not_clipped(entry: Any) -> None:
    assert 60 <= entry.recipe.seconds <= 90
    assert entry.recipe.beats_ms()[-1] < entry.recipe.seconds * 1000


def test_a_track_sounds_the_same_every_time() -> None:
    recipe = CATALOGUE[0].recipe
    first, again = synthesise(recipe), synthesise(recipe)
    assert np.array_equal(first, again)
    assert 0.5 < np.abs(first).max() < 1.0
    assert len(first) == round(recipe.seconds * 48_000)
