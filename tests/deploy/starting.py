"""Imports what images run, each in a process of its own; the packages all share are loaded once.

A program, not a module: `python starting.py '{"<image's folder>": ["<module>", …]}'` prints what
failed by folder, "" where nothing did.
"""

import importlib
import json
import os
import sys
import traceback

SHARED = ("chassis.http", "chassis.worker", "chassis.storage", "chassis.migrations")
OWN = {"chassis", "contracts", "local", "services"}


def main(images: dict[str, list[str]]) -> None:
    load_packages(next(iter(images)))
    failures = {image: imported(image, modules) for image, modules in images.items()}
    json.dump(failures, sys.stdout)


def load_packages(image: str) -> None:
    """What the chassis imports, but for our own modules: every image has to find those itself."""
    sys.path[0] = image
    for module in SHARED:
        importlib.import_module(module)
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
        del sys.modules[name]


def imported(image: str, modules: list[str]) -> str:
    """Why the modules cannot be imported in this image, as a traceback; "" when they can."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        sys.path[0] = image
        os.chdir(image)
        try:
            for module in modules:
                importlib.import_module(module)
        except BaseException:
            os.write(writing, traceback.format_exc()[-4000:].encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        failure = told.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return failure or (f"ended with {status}" if status else "")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
