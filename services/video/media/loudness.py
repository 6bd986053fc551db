"""Measures loudness as ITU-R BS.1770 does, from tenths of a second that can be measured apart."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.video.media.segments import SOUND_RATE

Sound = npt.NDArray[np.float32]

TENTH = SOUND_RATE // 10
"""Samples of one value of a curve."""
TENTHS_PER_BLOCK = 4
OFFSET_LU = -0.691
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
RINGING = SOUND_RATE // 2
"""Zeros behind the sound, so that the filter's end does not come back at its beginning."""
SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (-1.69065929318241, 0.73248077421585),
)
HIGH_PASS = ((1.0, -2.0, 1.0), (-1.99004745483398, 0.99007225036621))
"""K-weighting at 48 kHz, the coefficients of the recommendation."""


def curve_of(sound: Sound) -> list[float]:
    """The K-weighted power of each tenth of a second; samples × 2 channels in −1…1 at 48 kHz."""
    tenths = max(1, len(sound) // TENTH)
    powers = np.zeros(tenths)
    size = -(-(len(sound) + RINGING) // SOUND_RATE) * SOUND_RATE
    response = _response(size)
    for channel in range(sound.shape[1]):
        heard = np.fft.irfft(np.fft.rfft(sound[:, channel], size) * response, size)
        heard = heard[: tenths * TENTH]
        powers += np.square(heard, dtype=np.float64).reshape(tenths, -1).mean(axis=1)
    return [float(f"{power:.4g}") for power in powers]


def loudness_of(powers: Sequence[float] | npt.NDArray[np.float64]) -> float:
    """Integrated loudness in LUFS of a curve, gated twice; −inf for silence."""
    tenths = np.asarray(powers, dtype=np.float64)
    width = min(TENTHS_PER_BLOCK, len(tenths))
    blocks = np.convolve(tenths, np.ones(width) / width, mode="valid")
    kept = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if not len(kept):
        return -np.inf
    kept = kept[kept > kept.mean() * 10 ** (RELATIVE_GATE_LU / 10)]
    return OFFSET_LU + 10 * float(np.log10(kept.mean()))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_LU) / 10))


def _response(size: int) -> npt.NDArray[np.float32]:
    """The magnitude alone: powers do not care for phase, and the sound stays where it is."""
    turn = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    total = np.ones(len(turn))
    for above, below in (SHELF, HIGH_PASS):
        over = above[0] + above[1] * turn + above[2] * turn**2
        total *= np.abs(over / (1 + below[0] * turn + below[1] * turn**2))
    return total.astype(np.float32)
