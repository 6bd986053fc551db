"""A small silent film that runs through the pictures of a large one, without decoding it all."""

from pathlib import Path
from typing import Any

import ffmpeg

from services.video.media.program import SAFE_INPUT

PICTURES_PER_SECOND = 4
SHORT_SIDE = 240


def preview_graph(film: Path, target: Path) -> Any:
    """Only key frames are decoded, a hundredth of what the film is made of."""
    pictures = (
        ffmpeg.input(str(film), f="mov", **SAFE_INPUT, skip_frame="nokey", threads=1)
        .video.filter("setpts", f"N/{PICTURES_PER_SECOND}/TB")
        .filter("fps", PICTURES_PER_SECOND)
        .filter(
            "scale",
            f"if(gt(iw,ih),-2,min(iw,{SHORT_SIDE}))",
            f"if(gt(iw,ih),min(ih,{SHORT_SIDE}),-2)",
            flags="bicubic",
        )
        .filter("format", "yuv420p")
    )
    return ffmpeg.output(
        pictures,
        str(target),
        vcodec="libx264",
        preset="veryfast",
        crf=28,
        movflags="+faststart",
        map_metadata=-1,
        threads=1,
        format="mp4",
    )
