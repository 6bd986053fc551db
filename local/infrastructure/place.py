"""Where private servers and their secrets live: `.run/`, shared by every command of a clone."""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from local.infrastructure.missing import InfrastructureMissing

REPOSITORY = Path(__file__).resolve().parents[2]
# Not under /var/tmp: systemd empties that of files nobody touched for 30 days.
ROOT_HOME = Path("/var/lib/ai-studio-local")
LOCK_TIMEOUT_SECONDS = 900


def run_directory() -> Path:
    """`.run` of this clone, or `AISTUDIO_RUN_DIR`."""
    directory = Path(os.environ.get("AISTUDIO_RUN_DIR") or REPOSITORY / ".run").absolute()
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def instances_directory() -> Path:
    """The folder of private instances; elsewhere, and linked, where `.run` cannot be reached.

    PostgreSQL refuses to run as root, and the user it runs as cannot enter a root user's home.
    """
    link = run_directory() / "infrastructure"
    if link.is_dir():
        return link.resolve()
    if os.geteuid() != 0 or _others_can_enter(link.parent):
        link.mkdir(mode=0o711, exist_ok=True)
        return link
    target = ROOT_HOME / hashlib.sha256(bytes(link)).hexdigest()[:12]
    ROOT_HOME.mkdir(mode=0o711, exist_ok=True)
    target.mkdir(mode=0o711, exist_ok=True)
    # Replaced as a whole: two threads or commands may come here together.
    draft = link.with_name(f"{link.name}.{secrets.token_hex(4)}")
    draft.symlink_to(target)
    draft.replace(link)
    return target


def _others_can_enter(directory: Path) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in (directory, *directory.parents))


def shown(directory: Path) -> str:
    """A folder as a person would type it."""
    linked = run_directory() / "infrastructure" / directory.name
    return os.path.relpath(linked) if linked.is_relative_to(Path.cwd()) else str(linked)


def password_for(role: str) -> str:
    """The local password of a role: the same every time in this clone, different in another."""
    return hmac.new(_secret(), role.encode(), hashlib.sha256).hexdigest()[:40]


def _secret() -> bytes:
    path = instances_directory() / "secret"
    try:
        if not path.exists():
            _publish(path, secrets.token_hex(32))
        return path.read_bytes()
    except PermissionError as refused:
        raise InfrastructureMissing(
            f"{shown(path)} belongs to another user: run as that user, or remove .run/."
        ) from refused


def _publish(path: Path, text: str) -> None:
    # A link appears with its whole content, and only the first of two racing commands makes it.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()


def read_record(path: Path) -> dict[str, Any]:
    """What an earlier command wrote down about an instance; empty when nothing."""
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return record


def write_record(path: Path, record: dict[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(record))
    fresh.replace(path)


@contextmanager
def one_at_a_time(progress: Callable[[str], None]) -> Iterator[None]:
    """Holds the clone's lock, so that two commands started together share one set of servers."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    told = False
    with (run_directory() / "infrastructure.lock").open("w") as lock:
        while not _locked(lock.fileno()):
            if time.monotonic() > deadline:
                raise InfrastructureMissing(
                    "Another command has been starting servers for 15 minutes: end it and retry."
                )
            if not told:
                progress("waiting for another command that is starting servers")
                told = True
            time.sleep(0.2)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
