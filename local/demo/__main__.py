"""`make demo`: starts the product, runs the main job on photos, and says what came of it."""

import asyncio
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from local.demo.client import Refused
from local.demo.journey import Journey
from local.demo.photos import find_photos
from local.demo.report import closing_lines, draw_contact_sheet, summary_of, write_summary
from local.demo.rooms import draw_photos
from local.demo.screen import Screen
from local.demo.strip import draw_strip
from local.infrastructure import InfrastructureMissing
from local.infrastructure.place import REPOSITORY
from local.supervisor import NotReady
from local.up import default_options, product_running

OUT = REPOSITORY / "out" / "demo"


def photo_directory() -> Path:
    """`PHOTOS=dir`, else sample rooms that we draw."""
    chosen = os.environ.get("PHOTOS")
    if chosen:
        return Path(chosen)
    directory = OUT / "sample-photos"
    draw_photos(directory)
    return directory


async def main() -> None:
    started = time.monotonic()
    screen = Screen()
    OUT.mkdir(parents=True, exist_ok=True)
    photos = find_photos(photo_directory())
    if not photos:
        sys.exit(f"{photo_directory()} holds no files: name a folder with photos, PHOTOS=dir.")
    with ExitStack() as stack:
        log = stack.enter_context((OUT / "services.log").open("w"))

        def say(line: str) -> None:
            print(line, file=log, flush=True)

        async with product_running(default_options(), say, screen.tell) as up:
            journey = Journey(
                up.product.addresses, up.product.administrator_password, photos, OUT, screen
            )
            outcome = await journey.run()
    await asyncio.to_thread(draw_contact_sheet, outcome, OUT / "contact-sheet.jpg")
    await asyncio.to_thread(draw_strip, OUT / "film.mp4", OUT / "film-strip.jpg")
    summary = summary_of(outcome, time.monotonic() - started)
    write_summary(OUT / "summary.json", summary)
    for line in closing_lines(outcome, summary, OUT):
        print(line)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (InfrastructureMissing, NotReady, Refused, TimeoutError) as reason:
        sys.exit(f"{type(reason).__name__}: {reason}\nThe services' log: {OUT / 'services.log'}")
