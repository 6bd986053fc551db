"""Synthesises the catalogue's tracks from a few chords, so that their licence is ours to give."""

import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 48_000
BEATS_PER_BAR = 4
REST = -1

Sound = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """A piece: chords as MIDI notes (one per bar, repeated), its pulse and its colours."""

    bpm: int
    bars: int
    chords: tuple[tuple[int, ...], ...]
    arpeggio: tuple[int, ...]
    """Which note of the chord each half beat plays; REST is silence."""
    brightness: int
    """How many overtones a plucked note has."""
    has_drums: bool
    seed: int

    @property
    def beat_seconds(self) -> float:
        return 60 / self.bpm

    @property
    def seconds(self) -> float:
        return self.bars * BEATS_PER_BAR * self.beat_seconds

    def beats_ms(self) -> list[int]:
        return [round(1000 * n * self.beat_seconds) for n in range(self.bars * BEATS_PER_BAR)]


def synthesise(recipe: Recipe) -> Sound:
    """Frames × 2 channels in −1…1 at 48 kHz; the same recipe always sounds the same."""
    sound = np.zeros((round(recipe.seconds * RATE), 2), dtype=np.float32)
    bar = BEATS_PER_BAR * recipe.beat_seconds
    for number in range(recipe.bars):
        chord = recipe.chords[number % len(recipe.chords)]
        for voice, note in enumerate(chord):
            pan = 0.35 + 0.3 * voice / max(1, len(chord) - 1)
            _add(sound, number * bar, _pad(note, bar * 1.15) * 0.10, pan)
        _add(sound, number * bar, _bass(chord[0] - 12, bar * 0.9) * 0.22, 0.5)
    _arpeggiate(sound, recipe)
    if recipe.has_drums:
        _drum(sound, recipe)
    for cached in (_pad, _bass, _pluck):
        cached.cache_clear()
    edge = np.minimum(1.0, np.arange(len(sound)) / (0.05 * RATE))
    sound *= np.minimum(edge, edge[::-1])[:, None].astype(np.float32)
    return sound / np.float32(np.abs(sound).max() * 1.12)


def write_wave(path: Path, sound: Sound) -> None:
    """16-bit PCM, 48 kHz, stereo."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def envelope_of(sound: Sound, points: int) -> npt.NDArray[np.float32]:
    """The loudest sample of each of so many stretches, 0…1."""
    mono = np.abs(sound).max(axis=1)
    return np.array([part.max() for part in np.array_split(mono, points)], dtype=np.float32)


def _arpeggiate(sound: Sound, recipe: Recipe) -> None:
    half = recipe.beat_seconds / 2
    # The first and the last eighth of a piece are calmer: chords alone.
    steps = range(recipe.bars * BEATS_PER_BAR * 2 // 8, recipe.bars * BEATS_PER_BAR * 2 * 7 // 8)
    for step in steps:
        wanted = recipe.arpeggio[step % len(recipe.arpeggio)]
        if wanted == REST:
            continue
        chord = recipe.chords[step // (BEATS_PER_BAR * 2) % len(recipe.chords)]
        note = chord[wanted % len(chord)] + 12 * (1 + wanted // len(chord))
        pluck = _pluck(note, min(1.4, half * 3), recipe.brightness) * 0.13
        _add(sound, step * half, pluck, 0.3 if step % 2 else 0.7)


def _drum(sound: Sound, recipe: Recipe) -> None:
    random = np.random.default_rng(recipe.seed)
    time = np.arange(round(0.28 * RATE)) / RATE
    kick = np.sin(2 * np.pi * (48 * time + 6 * (1 - np.exp(-time * 30)))) * np.exp(-time * 14)
    hiss = random.standard_normal(round(0.06 * RATE)) * np.exp(-np.linspace(0, 7, 2880))
    brush = np.diff(hiss, prepend=0.0)
    beats = recipe.bars * BEATS_PER_BAR
    for beat in range(beats // 8, beats * 7 // 8):
        if beat % 2 == 0:
            _add(sound, beat * recipe.beat_seconds, kick * 0.35, 0.5)
        _add(sound, (beat + 0.5) * recipe.beat_seconds, brush * 0.05, 0.55)


def _add(sound: Sound, at_seconds: float, mono: npt.NDArray[np.float64], pan: float) -> None:
    start = round(at_seconds * RATE)
    piece = mono[: max(0, len(sound) - start)].astype(np.float32)
    sound[start : start + len(piece), 0] += piece * np.float32(np.sqrt(1 - pan))
    sound[start : start + len(piece), 1] += piece * np.float32(np.sqrt(pan))


def _hertz(note: int) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _time(seconds: float) -> npt.NDArray[np.float64]:
    return np.asarray(np.arange(round(seconds * RATE)) / RATE, dtype=np.float64)


@lru_cache(maxsize=128)
def _pad(note: int, seconds: float) -> npt.NDArray[np.float64]:
    time, hertz = _time(seconds), _hertz(note)
    tone = np.sin(2 * np.pi * hertz * time) + 0.5 * np.sin(2 * np.pi * hertz * 1.003 * time)
    tone += 0.25 * np.sin(4 * np.pi * hertz * time)
    rise = np.minimum(1, time / (0.25 * seconds)) * np.minimum(1, time[::-1] / (0.2 * seconds))
    return np.asarray(tone * rise)


@lru_cache(maxsize=128)
def _bass(note: int, seconds: float) -> npt.NDArray[np.float64]:
    time, hertz = _time(seconds), _hertz(note)
    tone = np.sin(2 * np.pi * hertz * time) + 0.2 * np.sin(4 * np.pi * hertz * time)
    return np.asarray(tone * np.exp(-time * 1.2) * np.minimum(1, time / 0.01))


@lru_cache(maxsize=128)
def _pluck(note: int, seconds: float, overtones: int) -> npt.NDArray[np.float64]:
    time, hertz = _time(seconds), _hertz(note)
    tone = np.zeros_like(time)
    for number in range(1, overtones + 1):
        decay = np.exp(-time * (3.0 + 1.5 * number))
        tone += np.sin(2 * np.pi * hertz * number * time) * decay / number**1.3
    return np.asarray(tone * np.minimum(1, time / 0.004))
