"""Music under a film, measured in its finished sound: looped, cut, faded, quiet under voices."""

from pathlib import Path

import numpy as np
import pytest

from services.video.media.loudness import Sound, curve_of, loudness_of
from services.video.media.program import Program
from services.video.media.segments import SOUND_RATE
from tests.video.pictures import GOLDEN, make_clip, render
from tests.video.sounds import Shot, Tracked, planned, silence, track_of
from tests.video.test_soundtrack import SHOT, decoded, film_of

LOW, HIGH, VOICE = 880, 1760, 220
"""Hertz."""


def tone(hertz: float, seconds: float) -> Sound:
    at = np.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    mono = (0.3 * np.sin(2 * np.pi * hertz * at)).astype(np.float32)
    return np.stack([mono, mono], axis=1)


def level(sound: Sound, hertz: float, begin: float, end: float) -> float:
    """How much of a tone is heard in these seconds, as its amplitude."""
    part = sound[round(begin * SOUND_RATE) : round(end * SOUND_RATE), 0]
    turn = np.exp(-2j * np.pi * hertz * np.arange(len(part)) / SOUND_RATE)
    return float(2 * abs((part * turn).mean()))


def voice(folder: Path) -> Shot:
    """Five seconds of a steady voice, at −16 LUFS as renderers store it."""
    sound = tone(VOICE, SHOT / SOUND_RATE)
    sound *= np.float32(10 ** ((-16 - loudness_of(curve_of(sound))) / 20))
    path = folder / "voice.pcm"
    sound.tofile(path)
    return str(path), 150, 0


@pytest.fixture(scope="module")
async def track(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    """Twelve seconds: a low tone for eight, a high one for four."""
    sound = np.concatenate([tone(LOW, 8), tone(HIGH, 4)])
    return await track_of(program, tmp_path_factory.mktemp("tones"), sound)


@pytest.fixture(scope="module")
async def picture(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("picture")
    return await render(program, await make_clip(program, GOLDEN[1], folder), "16:9")


async def test_a_short_track_begins_again_without_a_gap(
    program: Program, picture: Path, track: Tracked, tmp_path: Path
) -> None:
    regions = planned(silence(6), track.at(100))
    sound = decoded(program, await film_of(program, picture, regions, tmp_path, track))
    full = level(sound, LOW, 2, 7)
    for begin, end, heard, other in (
        (9, 11, HIGH, LOW),
        (13, 19, LOW, HIGH),
        (21, 23, HIGH, LOW),
        (24.5, 27.5, LOW, HIGH),
    ):
        assert level(sound, heard, begin, end) == pytest.approx(full, rel=0.1)
        assert level(sound, other, begin, end) < 0.02 * full
    for seam in (12, 24):
        around = sound[round((seam - 0.1) * SOUND_RATE) : round((seam + 0.1) * SOUND_RATE), 0]
        loud = np.sqrt((around.reshape(-1, SOUND_RATE // 100) ** 2).mean(axis=1))
        assert loud.min() > 0.6 * loud.max(), "nothing is missing where it begins again"


async def test_a_long_track_is_cut_and_fades_at_both_ends(
    program: Program, picture: Path, track: Tracked, tmp_path: Path
) -> None:
    regions = planned(silence(2), track.at(100))
    sound = decoded(program, await film_of(program, picture, regions, tmp_path, track))
    assert abs(len(sound) / SOUND_RATE - 10) < 1 / 30
    full = level(sound, LOW, 2, 7)
    assert level(sound, LOW, 0.45, 0.55) == pytest.approx(full / 2, rel=0.15)
    high = level(sound, HIGH, 8.05, 8.1)
    assert high == pytest.approx(full, rel=0.2)
    assert level(sound, HIGH, 8.95, 9.05) == pytest.approx(full / 2, rel=0.2)
    assert level(sound, HIGH, 9.45, 9.55) == pytest.approx(full / 4, rel=0.25)
    assert level(sound, HIGH, 9.95, 10) < 0.06 * full
    assert level(sound, LOW, 0, 0.05) < 0.06 * full


async def test_the_volume_says_how_loud_music_is_beside_a_voice(
    program: Program, picture: Path, track: Tracked, tmp_path: Path
) -> None:
    ratios = {}
    for volume in (0, 25, 50, 100):
        folder = tmp_path / str(volume)
        folder.mkdir()
        regions = planned([voice(folder)] * 2, track.at(volume))
        sound = decoded(program, await film_of(program, picture, regions, folder, track))
        ratios[volume] = level(sound, LOW, 2, 7) / level(sound, VOICE, 2, 7)
    assert ratios[0] < 0.001, "at nothing there is none"
    assert ratios[50] / ratios[100] == pytest.approx(1 / 4, rel=0.15)
    assert ratios[25] / ratios[50] == pytest.approx(1 / 4, rel=0.25)


async def test_music_ducks_under_a_voice_and_comes_back(
    program: Program, picture: Path, track: Tracked, tmp_path: Path
) -> None:
    [quiet] = silence(1)
    regions = planned([quiet, voice(tmp_path), quiet], track.at(50))
    sound = decoded(program, await film_of(program, picture, regions, tmp_path, track))
    alone, under, again = (
        level(sound, LOW, 2, 4),
        level(sound, LOW, 5.5, 7.5),
        level(sound, LOW, 12.2, 12.9),
    )
    assert under < 0.35 * alone
    assert again == pytest.approx(alone, rel=0.1)
    assert level(sound, VOICE, 5.5, 9.5) > 3 * under
    assert level(sound, VOICE, 1, 4) < 0.01 * alone
