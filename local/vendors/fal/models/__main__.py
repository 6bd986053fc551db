"""The child process that runs models: one job a line on stdin, one answer a line on stdout."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2

from local.vendors.fal.models import film, inpaint, photo
from local.vendors.fal.models.pictures import BadInput, Job

MODELS: dict[str, Callable[[Job], list[dict[str, Any]]]] = {
    "photo": photo.run,
    "inpaint": inpaint.run,
    "film": film.run,
}


def main() -> None:
    """Work until stdin closes; then end at once, FFmpeg included, even in the middle of a job."""
    os.nice(10)
    cv2.setNumThreads(1)
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    while True:
        print(json.dumps(_answer(json.loads(lines.get()))), flush=True)


def _read(lines: "SimpleQueue[str]") -> None:
    for line in sys.stdin:
        lines.put(line)
    # The stand-in is gone, perhaps by kill -9: nobody will read our answer.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def _answer(line: dict[str, Any]) -> dict[str, Any]:
    job = Job(
        arguments=line["arguments"],
        inputs={field: Path(path) for field, path in line["inputs"].items()},
        folder=Path(line["folder"]),
        ffmpeg=Path(line["ffmpeg"]),
        max_short_side=line["max_short_side"],
        max_long_side=line["max_long_side"],
    )
    try:
        return {"outputs": MODELS[line["model"]](job)}
    except BadInput as refusal:
        return {"detail": [refusal.detail]}
    except Exception as error:
        return {"crash": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
