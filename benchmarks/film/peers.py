"""The command lines of what others would use for the same film."""

import subprocess
import sys
from pathlib import Path

from benchmarks.film.inputs import SECONDS, Inputs
from services.video.media.program import Program

FADE_SECONDS = 0.5
HERE = Path(__file__).parent


class NoPeer(Exception):
    """It cannot be installed here; the text says why."""


def prepare_moviepy(folder: Path) -> str:
    """The Python of an environment with MoviePy 2, made once; raises NoPeer."""
    python = folder / "bin" / "python"
    wanted = HERE / "peers.txt"
    stamp = folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted.read_text():
        return str(python)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(wanted)]
    for argv in ([sys.executable, "-m", "venv", "--clear", str(folder)], pip):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise NoPeer((done.stderr or done.stdout).strip().splitlines()[-1][:120])
    stamp.write_text(wanted.read_text())
    return str(python)


def moviepy(python: str, inputs: Inputs, clips: int, music: Path, film: Path) -> list[str]:
    paths = [str(inputs.clip(number)) for number in range(clips)]
    return [python, str(HERE / "moviepy_peer.py"), str(music), str(film), "medium", *paths]


def one_graph(
    program: Program, inputs: Inputs, clips: int, music: Path, film: Path, preset: str
) -> list[str]:
    """One FFmpeg that encodes everything again: concat filter, or with `+xfade` cross-fades."""
    preset, fades = preset.removesuffix("+xfade"), preset.endswith("+xfade")
    argv = [program.path, "-y", "-v", "error", "-nostdin"]
    for number in range(clips):
        argv += ["-i", str(inputs.clip(number))]
    argv += ["-stream_loop", "-1", "-i", str(music)]
    seconds = SECONDS * clips - (FADE_SECONDS * (clips - 1) if fades else 0)
    graph = [_normal(inputs, number) for number in range(clips)]
    graph += _faded(clips) if fades else [_concatenated(clips)]
    graph.append(
        f"[{clips}:a]aresample=48000,aformat=sample_fmts=fltp:channel_layouts=stereo,volume=0.3,"
        f"atrim=0:{seconds},afade=t=out:st={seconds - 2}:d=2[m];"
        "[own][m]amix=inputs=2:duration=first:normalize=0[a]"
    )
    argv += ["-filter_complex", ";".join(graph), "-map", "[v]", "-map", "[a]"]
    argv += ["-c:v", "libx264", "-preset", preset, "-crf", "20", "-c:a", "aac", "-b:a", "192k"]
    return [*argv, "-t", str(seconds), "-movflags", "+faststart", str(film)]


def _normal(inputs: Inputs, number: int) -> str:
    width, height = inputs.frame.width, inputs.frame.height
    picture = (
        f"[{number}:v]scale={width}:{height}:force_original_aspect_ratio=increase,"
        f"crop={width}:{height},setsar=1,fps=30,format=yuv420p,settb=1/30,"
        f"trim=end_frame={SECONDS * 30}[v{number}]"
    )
    own = (
        f"[{number}:a]aresample=48000:async=1,"
        if number % 12 % 2
        else "anullsrc=r=48000:cl=stereo,"
    )
    layout = "aformat=sample_fmts=fltp:channel_layouts=stereo"
    return f"{picture};{own}{layout},apad,atrim=0:{SECONDS}[a{number}]"


def _concatenated(clips: int) -> str:
    streams = "".join(f"[v{number}][a{number}]" for number in range(clips))
    return f"{streams}concat=n={clips}:v=1:a=1[v][own]"


def _faded(clips: int) -> list[str]:
    graph, picture, sound = [], "v0", "a0"
    for number in range(1, clips):
        offset = number * (SECONDS - FADE_SECONDS)
        graph.append(
            f"[{picture}][v{number}]xfade=transition=fade:duration={FADE_SECONDS}:offset={offset}"
            f"[x{number}];[{sound}][a{number}]acrossfade=d={FADE_SECONDS}[y{number}]"
        )
        picture, sound = f"x{number}", f"y{number}"
    return [*graph, f"[{picture}]null[v]", f"[{sound}]anull[own]"]


def bare_copy(program: Program, parts: list[Path], sound: Path, film: Path) -> list[str]:
    """The limit: everything lies ready, FFmpeg only copies and moves the header to the front."""
    listed = film.with_suffix(".txt")
    listed.write_text("".join(f"file '{part}'\n" for part in parts))
    argv = [program.path, "-y", "-v", "error", "-nostdin", "-f", "concat", "-safe", "0"]
    argv += ["-i", str(listed), "-i", str(sound), "-map", "0:v", "-map", "1:a", "-c", "copy"]
    return [*argv, "-video_track_timescale", "30000", "-movflags", "+faststart", str(film)]
