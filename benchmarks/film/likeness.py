"""How large the films are and how like their clips they look."""

import re
import subprocess
from pathlib import Path

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.film.inputs import Inputs
from services.video.media.program import Program

CLIPS = 4


def compare(program: Program, folder: Path, inputs: Inputs) -> list[Figure]:
    """Our film beside FFmpeg's preset medium, both of the same four clips."""
    ours = folder / "films" / f"ours-{inputs.height}-{CLIPS}.mp4"
    theirs = folder / "films" / f"medium-{inputs.height}-{CLIPS}.mp4"
    if not theirs.exists():
        return []
    size = ours.stat().st_size / theirs.stat().st_size
    seen, wanted = (ssim(program, film, inputs) for film in (ours, theirs))
    return [
        at_most("720p, 4 clips: size against preset medium", size, "×", 1.05),
        Figure("720p, 4 clips: SSIM of preset medium", wanted, ""),
        at_least("720p, 4 clips: SSIM", seen, "", round(wanted - 0.005, 4)),
    ]


def ssim(program: Program, film: Path, inputs: Inputs) -> float:
    """Of a film's pictures against its clips, brought to its size and pace; 1 is the same."""
    argv = [program.path, "-hide_banner", "-nostdin", "-i", str(film)]
    normal, width, height = "", inputs.frame.width, inputs.frame.height
    for number in range(CLIPS):
        argv += ["-i", str(inputs.clip(number))]
        normal += f"[{number + 1}:v]scale={width}:{height}:flags=bicubic,fps=30,"
        normal += f"trim=end_frame=150,setpts=PTS-STARTPTS,format=yuv420p[v{number}];"
    joined = "".join(f"[v{number}]" for number in range(CLIPS))
    graph = f"{normal}{joined}concat=n={CLIPS},settb=1/30[r];[0:v]settb=1/30[f];[f][r]ssim"
    argv += ["-lavfi", graph, "-an", "-f", "null", "-"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=True)
    return float(re.findall(r"All:([\d.]+)", done.stderr)[-1])
