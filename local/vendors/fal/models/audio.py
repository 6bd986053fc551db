"""Native audio of a clip: the quiet of a room and somebody walking softly through it."""

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 48_000
Sound = npt.NDArray[np.float64]


def ambience(seconds: float, seed: int) -> Sound:
    """Room tone and footsteps, frames × 2 channels in −1…1, around −30 dBFS, faded at both ends."""
    random = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    sound = np.stack([_room_tone(random, frames) for _ in range(2)], axis=1)
    at = 0.35
    while at < seconds - 0.4:
        _add_step(sound, random, at)
        at += random.uniform(0.55, 0.75)
    fade = np.minimum(1.0, np.minimum(np.arange(frames), np.arange(frames)[::-1]) / (0.15 * RATE))
    return np.asarray(sound * fade[:, None])


def write_wave(path: Path, sound: Sound) -> None:
    """Store as 16-bit PCM, 48 kHz, stereo."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def _room_tone(random: np.random.Generator, frames: int) -> Sound:
    """Noise whose energy falls with frequency, shaped in the frequency domain."""
    spectrum = np.fft.rfft(random.standard_normal(frames))
    frequency = np.fft.rfftfreq(frames, 1 / RATE)
    shape = 1 / (1 + (frequency / 220) ** 1.3)
    shape[frequency < 30] = 0
    tone = np.fft.irfft(spectrum * shape, frames)
    return np.asarray(tone / np.abs(tone).max() * 0.06)


def _add_step(sound: Sound, random: np.random.Generator, at: float) -> None:
    start, frames = round(at * RATE), round(0.12 * RATE)
    time = np.arange(frames) / RATE
    thump = np.sin(2 * np.pi * random.uniform(85, 110) * time) * np.exp(-time * 45)
    scuff = np.convolve(random.standard_normal(frames), np.ones(24) / 24, "same")
    step = (0.10 * thump + 0.05 * scuff * np.exp(-time * 60)) * random.uniform(0.7, 1.0)
    side = random.uniform(0.4, 0.6)
    sound[start : start + frames] += step[:, None] * np.array([side, 1 - side])
