"""A film's sound is made in regions that join to the sample, all of it at one loudness."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from services.video.media.loudness import Sound, curve_of, loudness_of
from services.video.media.program import Program
from services.video.media.score import AAC_FRAME, Region, frames_of
from services.video.media.segments import CROSS_FADE_FRAMES, FPS, SOUND_RATE
from services.video.media.soundtrack import make_region, mix, stretch_of
from services.video.media.splice import Stretch, splice
from tests.video.pictures import GOLDEN, make_clip, render
from tests.video.sounds import (
    TRACK,
    Shot,
    Tracked,
    make_sound,
    make_track,
    planned,
    silence,
)

SHOT = 150 * SOUND_RATE // FPS


@pytest.fixture(scope="session")
async def track(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    return await make_track(program, tmp_path_factory.mktemp("track"))


@pytest.fixture(scope="session")
async def part(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("part")
    return await render(program, await make_clip(program, GOLDEN[0], folder), "16:9")


def speech(folder: Path, seed: int) -> Shot:
    """Five seconds that come and go, at −16 LUFS as renderers store them."""
    random = np.random.default_rng(seed)
    hiss = np.fft.rfft(random.standard_normal((SHOT, 2)), axis=0)
    # As voices are: falling with the frequency, nothing deep.
    hertz = np.fft.rfftfreq(SHOT, 1 / SOUND_RATE)
    noise = np.fft.irfft(hiss * (hertz / (hertz**2 + 400**2))[:, None] * 400, SHOT, axis=0)
    words = 0.55 + 0.45 * np.sin(np.arange(SHOT) * 2 * np.pi * 3 / SOUND_RATE + seed)
    sound = (0.05 * noise * words[:, None]).astype("<f4")
    sound *= np.float32(10 ** ((-16 - loudness_of(curve_of(sound))) / 20))
    path = folder / f"speech-{seed}.pcm"
    sound.tofile(path)
    return str(path), 150, 0


def decoded(program: Program, film: Path) -> Sound:
    argv = [program.path, "-v", "error", "-i", str(film), "-map", "0:a", "-f", "f32le", "-"]
    raw = subprocess.run(argv, capture_output=True, timeout=60, check=True).stdout
    return np.frombuffer(raw, dtype="<f4").reshape(-1, 2)


def measured(program: Program, film: Path) -> float:
    argv = [program.path, "-hide_banner", "-i", str(film), "-map", "0:a"]
    argv += ["-af", "ebur128=framelog=quiet", "-f", "null", "-"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stderr
    return float(re.findall(r"\bI:\s+(-?[\d.]+) LUFS", said)[-1])


async def film_of(
    program: Program, part: Path, regions: list[Region], folder: Path, track: Tracked | None
) -> Path:
    pieces = await make_sound(program, regions, folder, track)
    shots = len(regions) - 1
    splice([Stretch(part, 0, 150)] * shots, pieces, folder / "film.mp4", fps=FPS)
    return folder / "film.mp4"


def whole(regions: list[Region]) -> Region:
    """All of a film as one region, which no renderer makes: what the others are compared with."""
    voices = tuple(dict.fromkeys(v for region in regions for v in region.voices))
    return Region(0, regions[-1].end, voices, regions[0].voice_factor, regions[0].tune)


async def test_regions_join_as_if_encoded_in_one(
    program: Program, part: Path, track: Tracked, tmp_path: Path
) -> None:
    shots = [speech(tmp_path, seed) for seed in (1, 2)] + silence(1) + [speech(tmp_path, 3)]
    regions = planned(shots, track.at(50))
    assert [r.first for r in regions[1:]] == [r.end for r in regions[:-1]]
    assert regions[-1].end == frames_of(4 * SHOT)
    apart = decoded(program, await film_of(program, part, regions, tmp_path, track))

    files = {v.key: Path(v.key) for v in whole(regions).voices if v.key} | {TRACK: track.pcm}
    target = tmp_path / "whole.m4a"
    await make_region(program, whole(regions), files, target)
    pieces = [stretch_of(whole(regions), target)]
    splice([Stretch(part, 0, 150)] * 4, pieces, tmp_path / "one.mp4", fps=FPS)
    one = decoded(program, tmp_path / "one.mp4")

    meant = mix(whole(regions), files)
    assert len(apart) == len(one)
    for region in regions[1:]:
        near = slice((region.first - 3) * AAC_FRAME, (region.first + 3) * AAC_FRAME)
        loss = likeness(meant[near], one[near]) - likeness(meant[near], apart[near])
        # The encoder spends its bits by what came before; a join one frame off costs over 12 dB.
        assert loss < 5, f"at frame {region.first} {loss:.1f} dB worse than encoded in one"


def likeness(meant: Sound, got: Sound) -> float:
    """Signal to noise in dB."""
    return float(10 * np.log10((meant**2).sum() / ((meant - got) ** 2).sum()))


async def test_a_region_depends_on_its_two_shots_alone(track: Tracked, tmp_path: Path) -> None:
    music = track.at(50)
    shots = [speech(tmp_path, seed) for seed in range(5)]
    before = planned(shots, music)
    shots[4] = silence(1)[0]
    after = planned(shots, music)
    same = [a == b for a, b in zip(before, after, strict=True)]
    assert same == [True, True, True, True, False, False]


@pytest.mark.parametrize("volume", [10, 50, 100])
@pytest.mark.parametrize("spoken", [(), (0, 1, 2), (0, 2), (1, 2)], ids=str)
async def test_every_film_is_at_one_loudness(
    program: Program,
    part: Path,
    track: Tracked,
    tmp_path: Path,
    spoken: tuple[int, ...],
    volume: int,
) -> None:
    shots = [speech(tmp_path, n) if n in spoken else silence(1)[0] for n in range(3)]
    regions = planned(shots, track.at(volume))
    film = await film_of(program, part, regions, tmp_path, track)
    assert abs(measured(program, film) + 16) <= 1


async def test_speech_alone_is_at_the_same_loudness(
    program: Program, part: Path, tmp_path: Path
) -> None:
    regions = planned([speech(tmp_path, 1), speech(tmp_path, 2)])
    film = await film_of(program, part, regions, tmp_path, None)
    assert abs(measured(program, film) + 16) <= 1


@pytest.mark.parametrize("number", range(4))
async def test_loudness_is_measured_as_ffmpeg_does(
    program: Program, tmp_path: Path, number: int
) -> None:
    made = await make_track(program, tmp_path, number)
    said = measured(program, tmp_path / "track.m4a")
    assert abs(loudness_of(made.curve) - said) < 0.2


def test_silence_has_no_loudness() -> None:
    assert loudness_of(curve_of(np.zeros((SOUND_RATE, 2), dtype=np.float32))) == -np.inf


async def test_music_gives_way_to_a_shots_own_sound(track: Tracked, tmp_path: Path) -> None:
    mute = tmp_path / "mute.pcm"
    np.zeros((SHOT, 2), dtype="<f4").tofile(mute)
    shots: list[Shot] = [(None, 150, 0), (str(mute), 150, 0), (None, 150, 0)]
    region = whole(planned(shots, track.at(50)))
    assert region.tune is not None
    heard = mix(region, {TRACK: track.pcm, str(mute): mute})
    alone = mix(whole(planned(silence(3), track.at(50))), {TRACK: track.pcm})
    inside = slice(SHOT + 4800, 2 * SHOT - 4800)
    before = slice(SHOT // 2, SHOT - SOUND_RATE // 2)
    quieter = np.std(heard[inside]) / np.std(alone[inside])
    assert quieter < 0.4 * np.std(heard[before]) / np.std(alone[before])


def test_sound_fades_where_pictures_do(tmp_path: Path) -> None:
    (first, *_), (second, *_) = (speech(tmp_path, seed) for seed in (1, 2))
    regions = planned([(first, 150, CROSS_FADE_FRAMES), (second, 150, 0)])
    samples = (300 - CROSS_FADE_FRAMES) * SOUND_RATE // FPS
    assert regions[-1].end == frames_of(samples)
    files = {str(path): Path(str(path)) for path in (first, second)}
    mixed = mix(whole(regions), files)
    assert len(mixed) == samples
    own = np.fromfile(str(first), dtype="<f4").reshape(-1, 2)
    assert np.allclose(mixed[SOUND_RATE : 4 * SOUND_RATE], own[SOUND_RATE : 4 * SOUND_RATE])
    middle = samples // 2
    assert 0.3 < np.std(mixed[middle - 2400 : middle + 2400]) / np.std(own) < 1.3
