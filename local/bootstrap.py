"""Makes `.venv` and installs locked requirements into it: `python3 local/bootstrap.py product|all`.

Runs with whatever Python the machine has, before anything is installed: standard library only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENT = REPOSITORY / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
OLDEST = (3, 11)
CANDIDATES = ("python3.13", "python3.12", "python3.11")
BAR_WIDTH = 28
# The lock file names every package with its hash, so pip has nothing to resolve. Modules are
# compiled when first imported: compiling all of them here costs more than is ever used.
PIP = ("-m", "pip", "install", "--require-hashes", "--no-deps", "--no-compile")
QUIET = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
# A failure to fetch is pip's to explain; this much of its output does.
EXPLANATION_LINES = 12


class CannotPrepare(Exception):
    """The environment cannot be made; the message says what to do."""


def main(arguments: list[str]) -> int:
    names = sorted(path.stem for path in (REPOSITORY / "requirements").glob("*.txt"))
    if len(arguments) != 1 or arguments[0] not in names:
        print(f"usage: python3 local/bootstrap.py {'|'.join(names)}", file=sys.stderr)
        return 2
    requirements = REPOSITORY / "requirements" / f"{arguments[0]}.txt"
    try:
        if not is_ready(requirements):
            make_environment(suitable_python())
            install(requirements)
    except CannotPrepare as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1
    return 0


def is_ready(requirements: Path) -> bool:
    """True when this very lock file was installed into an environment that still works."""
    stamp = _stamp(requirements)
    return stamp.exists() and stamp.read_text() == _digest(requirements) and _works(PYTHON)


def suitable_python() -> str:
    """A Python new enough for the product. Raises CannotPrepare."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for name in CANDIDATES:
        found = shutil.which(name)
        if found is not None and _works(Path(found)):
            return found
    raise CannotPrepare(
        f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed and this is"
        f" {sys.version_info[0]}.{sys.version_info[1]}: install python3.12 and retry."
    )


def make_environment(python: str) -> None:
    """Creates `.venv`, or again when it does not work; installs Debian's venv when it is apart."""
    if _works(PYTHON) and _has(str(PYTHON), "pip"):
        return
    if ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)
    if not _has(python, "ensurepip"):
        _install_venv(python)
    print("making .venv", flush=True)
    made = subprocess.run(
        [python, "-m", "venv", str(ENVIRONMENT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    if made.returncode != 0:
        raise CannotPrepare(f"{python} could not make .venv:\n{made.stdout}")


def install(requirements: Path) -> None:
    """Installs a lock file and remembers which. Raises CannotPrepare."""
    packages = len(re.findall(r"^[A-Za-z0-9]", requirements.read_text(), re.MULTILINE))
    started = time.monotonic()
    command = [str(PYTHON), *PIP, *QUIET, "-r", str(requirements)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        output = list(_shown(pip, packages))
    if pip.returncode != 0:
        raise CannotPrepare(
            f"pip could not install {requirements.name}; is the network there? It said:\n"
            + "".join(output[-EXPLANATION_LINES:])
        )
    _stamp(requirements).write_text(_digest(requirements))
    print(f"installed {packages} packages in {time.monotonic() - started:.0f} s", flush=True)


def _shown(pip: subprocess.Popen[str], packages: int) -> Iterator[str]:
    """Passes pip's lines on and draws how far it is: a bar for people, a few lines for logs."""
    done = 0
    for line in pip.stdout or ():
        yield line
        if line.startswith(("Collecting ", "Requirement already", "Ignoring ")):
            done += 1
            _draw(done, packages, "fetching")
        elif line.startswith("Installing collected"):
            _draw(packages, packages, "unpacking")
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)


def _draw(done: int, packages: int, verb: str) -> None:
    done = min(done, packages)
    if sys.stdout.isatty():
        filled = BAR_WIDTH * done // packages
        bar = "█" * filled + "·" * (BAR_WIDTH - filled)
        print(f"\r\033[K{bar} {verb} {done}/{packages} packages", end="", flush=True)
    elif verb == "unpacking" or done == 1:
        print(f"{verb} {packages} packages", flush=True)


def _install_venv(python: str) -> None:
    sys.path.insert(0, str(REPOSITORY))
    from local import apt

    version = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.strip()
    package = f"python{version}-venv"
    if apt.why_not() is None:
        print(f"installing {package} with apt-get", flush=True)
    try:
        apt.install([package])
    except apt.NotInstalled as reason:
        raise CannotPrepare(
            f"Python's venv module is missing ({reason}): install {package} and retry."
        ) from reason


def _works(python: Path) -> bool:
    check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    return _succeeds([str(python), "-c", check])


def _has(python: str, module: str) -> bool:
    return _succeeds([python, "-c", f"import {module}"])


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _stamp(requirements: Path) -> Path:
    return ENVIRONMENT / f".installed-{requirements.stem}"


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


if __name__ == "__main__":
    os.chdir(REPOSITORY)
    sys.exit(main(sys.argv[1:]))
