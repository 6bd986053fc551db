"""Plans a film's sound in regions that end in the middle of shots, so that each depends on two."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np

from services.video.media.loudness import TENTH, loudness_of
from services.video.media.segments import FPS, SOUND_RATE

AAC_FRAME = 1024
SAMPLES_PER_FRAME = SOUND_RATE // FPS
TARGET_LUFS = -16.0
MOST_GAIN_DB = 30.0
FADE_IN = SOUND_RATE
FADE_OUT = 2 * SOUND_RATE


@dataclass(frozen=True)
class Voice:
    """A shot's own sound in the film, in samples; without a key the shot is silent.

    The stored sound is at −16 LUFS already. Where two shots overlap one fades into the other.
    """

    key: str | None
    start: int
    samples: int
    fade_in: int = 0
    fade_out: int = 0

    @property
    def end(self) -> int:
        return self.start + self.samples


@dataclass(frozen=True)
class Tune:
    """The music under a film of `samples`: a factor alone, and one under a shot's own sound."""

    key: str
    alone: float
    under: float
    samples: int


@dataclass(frozen=True)
class Region:
    """AAC frames `[first, end)` of a film, the one or two shots heard in them, and the music."""

    first: int
    end: int
    voices: tuple[Voice, ...]
    voice_factor: float
    tune: Tune | None

    def as_plan(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_plan(cls, plan: dict[str, Any]) -> Self:
        tune = Tune(**plan["tune"]) if plan["tune"] is not None else None
        voices = tuple(Voice(**voice) for voice in plan["voices"])
        return cls(plan["first"], plan["end"], voices, plan["voice_factor"], tune)


@dataclass(frozen=True)
class Music:
    """A track to lay under a film: its file, its loudness curve, and how much of it is wanted."""

    key: str
    curve: Sequence[float]
    volume_percent: int


def voices_of(shots: Sequence[tuple[str | None, int, int]]) -> list[Voice]:
    """Shots as (key, frames, frames shared with the next one), laid one behind the other."""
    voices: list[Voice] = []
    start = shared = 0
    for key, frames, overlap in shots:
        samples, into = frames * SAMPLES_PER_FRAME, overlap * SAMPLES_PER_FRAME
        voices.append(Voice(key, start, samples, shared, into))
        start, shared = start + samples - into, into
    return voices


def regions_of(voices: Sequence[Voice], music: Music | None) -> list[Region]:
    """One region more than shots.

    Music alone and every shot's own sound are each brought to −16 LUFS; together the volume says
    how their power is shared. So the film is at −16 LUFS without being measured as a whole.
    """
    tune = _tune(voices[-1].end, music) if music is not None and music.volume_percent else None
    factor = _shares(music.volume_percent)[1] if tune is not None and music is not None else 1.0
    total = voices[-1].end
    cuts = [0]
    cuts += [(voice.start + voice.samples // 2) // AAC_FRAME for voice in voices]
    cuts.append(frames_of(total))
    heard = [voices[max(0, n - 1) : n + 1] for n in range(len(voices) + 1)]
    return [
        Region(first, end, tuple(near), factor, tune)
        for (first, end), near in zip(pairwise(cuts), heard, strict=True)
    ]


def frames_of(samples: int) -> int:
    """AAC frames of so many samples; the first one only primes the decoder."""
    return -(-samples // AAC_FRAME) + 1


def _shares(volume_percent: int) -> tuple[float, float]:
    """Factors of the music and of the shot's own sound when both are heard."""
    # Loudness follows the square of the slider about as ears expect.
    ratio = (volume_percent / 100) ** 4
    return (ratio / (1 + ratio)) ** 0.5, (1 / (1 + ratio)) ** 0.5


def _tune(total: int, music: Music) -> Tune:
    """As loud as planned over the whole film, whatever else is heard in it.

    Only the film's length counts: a clip that turns out silent changes the regions around it alone.
    """
    at = np.arange(-(-total // TENTH)) * TENTH
    powers = np.resize(np.asarray(music.curve, dtype=np.float64), len(at))
    loudness = loudness_of(powers * fades(at, total) ** 2)
    gain = min(MOST_GAIN_DB, TARGET_LUFS - loudness) if np.isfinite(loudness) else 0.0
    alone = round(float(10 ** (gain / 20)), 4)
    return Tune(music.key, alone, round(alone * _shares(music.volume_percent)[0], 4), total)


def fades(at: Any, total: int) -> Any:
    """The factor of the music's fades at these samples of a film."""
    into, out = min(FADE_IN, total // 2), min(FADE_OUT, total // 2)
    return np.clip(np.minimum((at + 1) / into, (total - at) / out), 0.0, 1.0)
