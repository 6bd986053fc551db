"""Pictures and sound by real FFmpeg: what goes in, however odd, comes out in one exact form."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.video.media import checks, segments
from services.video.media.mp4 import read_track
from services.video.media.program import Program, RenderFailed
from services.video.media.segments import CROSS_FADE_FRAMES, FPS, Frame, Source, frame_of
from services.video.media.splice import NotJoinable, Stretch, splice
from services.video.media.synth import synthesise
from services.video.music.rules import CATALOGUE
from tests.video.films import assert_golden, decoded_errors, likeness
from tests.video.pictures import GOLDEN, SILENT, Odd, make_clip, photo, render
from tests.video.sounds import Tracked, heard, make_track, silence, sound_of


@pytest.fixture(scope="session")
async def track(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    return await make_track(program, tmp_path_factory.mktemp("music"))


@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1"])
@pytest.mark.parametrize(
    ("clips", "has_music"),
    [(GOLDEN, True), (GOLDEN, False), (GOLDEN[:2], True), (GOLDEN[:2], False), (SILENT, True)],
    ids=["mixed, music", "mixed", "two, music", "two", "no sound of their own, music"],
)
async def test_every_film_is_as_promised(
    program: Program,
    track: Tracked,
    tmp_path: Path,
    clips: list[Odd],
    has_music: bool,
    aspect: str,
) -> None:
    files = [await make_clip(program, odd, tmp_path) for odd in clips]
    parts = [await render(program, file, aspect) for file in files]
    native = [await heard(program, file) for file in files]
    sound = await sound_of(program, native, tmp_path, track if has_music else None)
    film, cuts = tmp_path / "film.mp4", [Stretch(part, 0, 150) for part in parts]
    splice(cuts, sound, film, fps=FPS)
    assert_golden(program, film, aspect, cuts)


async def test_a_film_of_twenty_mixed_clips_is_as_promised(
    program: Program, track: Tracked, tmp_path: Path
) -> None:
    files = [await make_clip(program, odd, tmp_path) for odd in GOLDEN]
    parts = [await render(program, file, "16:9") for file in files]
    native = [await heard(program, file) for file in files]
    order = [number % len(GOLDEN) for number in range(20)]
    sound = await sound_of(program, [native[n] for n in order], tmp_path, track)
    film, cuts = tmp_path / "film.mp4", [Stretch(parts[n], 0, 150) for n in order]
    splice(cuts, sound, film, fps=FPS)
    assert_golden(program, film, "16:9", cuts)


@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1"])
async def test_a_film_of_portrait_photos_and_clips_is_as_promised(
    program: Program, track: Tracked, tmp_path: Path, aspect: str
) -> None:
    frame, parts, shots = frame_of(aspect, 180), [], []
    for number, odd in enumerate((GOLDEN[0], GOLDEN[3])):
        still, move = tmp_path / f"photo-{number}", tmp_path / f"move-{number}.mp4"
        still.write_bytes(photo(number, 600, 800))
        graph = segments.photo_graph(Source(still, Frame(600, 800)), frame, 150, move, 2)
        await program.run(graph, tmp_path)
        await checks.check_segment(program, move, frame, 150)
        clip = await make_clip(program, odd, tmp_path)
        parts += [move, await render(program, clip, aspect)]
        shots += [*silence(1), await heard(program, clip)]
    sound = await sound_of(program, shots, tmp_path, track)
    film, cuts = tmp_path / "film.mp4", [Stretch(part, 0, 150) for part in parts]
    splice(cuts, sound, film, fps=FPS)
    assert_golden(program, film, aspect, cuts)


@pytest.mark.parametrize("odd", GOLDEN, ids=lambda odd: odd.name)
@pytest.mark.parametrize("aspect", ["16:9", "9:16", "1:1"])
async def test_a_segment_looks_like_its_clip(
    program: Program, tmp_path: Path, odd: Odd, aspect: str
) -> None:
    clip = await make_clip(program, odd, tmp_path)
    part, frame = await render(program, clip, aspect, 360), frame_of(aspect, 360)
    size = Frame(*read_track(clip, "vide").size)
    is_cropped = frame.keeps_of(size) >= segments.LEAST_KEPT
    side = "increase" if is_cropped else "decrease"
    # The clip brought to the film's size and rate without being encoded.
    meant = (
        f"[1:v]fps=30,scale={frame.width}:{frame.height}:force_original_aspect_ratio={side}"
        ":force_divisible_by=2:flags=bicubic:out_color_matrix=bt709:out_range=tv"
    )
    if is_cropped:
        cut = f"crop={frame.width}:{frame.height}"
        graph = f"{meant},{cut},setsar=1,settb=1/30[b];[0:v]settb=1/30[a]"
    else:
        # Beside it lies a blur of itself, which is ours.
        share = min(frame.width / size.width, frame.height / size.height)
        shown = [2 * round(length * share / 2) for length in (size.width, size.height)]
        graph = f"{meant},setsar=1,settb=1/30[b];[0:v]crop={shown[0]}:{shown[1]},settb=1/30[a]"
    assert likeness(program, part, clip, graph) >= 0.97


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
    digest = splice(stretches, sound, film, fps=FPS)
    assert (film.stat().st_size, digest) == checks.measure(film)
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
