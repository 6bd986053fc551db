"""Finds FFmpeg: the machine's own, or the static program that a Python package carries."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from local import apt
from local.infrastructure.missing import InfrastructureMissing

VARIABLE = "AISTUDIO_FFMPEG"
WAYS = ("auto", "system", "static", "package")


@dataclass(frozen=True)
class FFmpeg:
    """The programs; `ffprobe` is None with the static one, so callers must get along without it."""

    ffmpeg: Path
    ffprobe: Path | None


def find_ffmpeg() -> FFmpeg:
    """FFmpeg of this machine. Raises InfrastructureMissing. AISTUDIO_FFMPEG forces one way.

    Debian's package is only installed when asked for (`AISTUDIO_FFMPEG=package`): on a bare Debian
    12 it is 191 packages, 472 MB and up to half a minute, while the static program came already
    with the Python packages.
    """
    way = os.environ.get(VARIABLE) or "auto"
    if way not in WAYS:
        raise InfrastructureMissing(f"{VARIABLE}={way} is not one of {', '.join(WAYS)}.")
    found = None
    if way != "static":
        found = _system()
    if found is None and way == "package":
        found = _package()
    if found is None and way in ("auto", "static"):
        found = _static()
    if found is None:
        raise InfrastructureMissing(
            "FFmpeg was not found: install it (on Debian or Ubuntu: apt-get install ffmpeg), or"
            " install the Python package imageio-ffmpeg."
        )
    return found


def _system() -> FFmpeg | None:
    ffmpeg, ffprobe = shutil.which("ffmpeg"), shutil.which("ffprobe")
    return FFmpeg(Path(ffmpeg), Path(ffprobe) if ffprobe else None) if ffmpeg else None


def _package() -> FFmpeg | None:
    try:
        apt.install(["ffmpeg"])
    except apt.NotInstalled as failed:
        raise InfrastructureMissing(
            f"FFmpeg could not be installed ({failed}): install it by hand or set"
            f" {VARIABLE}=static."
        ) from failed
    return _system()


def _static() -> FFmpeg | None:
    try:
        import imageio_ffmpeg

        return FFmpeg(Path(imageio_ffmpeg.get_ffmpeg_exe()), None)
    except (ImportError, RuntimeError):
        return None
