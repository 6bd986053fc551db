"""Starts server processes that outlive the command, finds them again by a mark, and ends them."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# A mark in the environment finds every process of an instance, whatever it forked, and never a
# stranger who was given a reused process id.
MARK = "AISTUDIO_INSTANCE"
POLL_SECONDS = 0.05


def runs_as(user: str) -> dict[str, Any]:
    """Popen arguments that leave root behind; nothing when not root or the user is unknown."""
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def give_to(directory: Path, user: str) -> None:
    """Makes a private folder that belongs to the user a server runs as."""
    directory.mkdir(mode=0o700, exist_ok=True)
    owner = runs_as(user)
    if owner:
        os.chown(directory, owner["user"], owner["group"])


def run(command: Sequence[str], *, user: str, home: Path, timeout_seconds: float) -> None:
    """Runs a command of a server to its end. Raises CalledProcessError with its output."""
    done = subprocess.run(
        command,
        env=environment(home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_seconds,
        start_new_session=True,
        check=False,
        **runs_as(user),
    )
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout)


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """A small environment that carries the instance's mark and nothing of the caller's."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/bin:/sbin:/bin"
    base = {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", MARK: str(home)}
    return base | dict(more or {})


def of_instance(home: Path) -> list[int]:
    """Process ids that carry the instance's mark."""
    mark = f"{MARK}={home}".encode()
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and mark in _environment_of(entry)
    ]


def working_in(directory: Path) -> list[int]:
    """Process ids whose working folder is this one."""
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _folder_of(entry) == str(directory)
    ]


def named(pids: Sequence[int], name: str) -> list[int]:
    return [pid for pid in pids if _read(Path(f"/proc/{pid}/comm")).strip() == name.encode()]


def send(pids: Sequence[int], signal_number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            continue


def end_all(home: Path, *, grace_seconds: float) -> None:
    """Ends what is left of an instance, at last by force."""
    send(of_instance(home), signal.SIGTERM)
    if not wait_until(lambda: not of_instance(home), grace_seconds):
        send(of_instance(home), signal.SIGKILL)
        wait_until(lambda: not of_instance(home), grace_seconds)


def wait_until(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _environment_of(process: Path) -> list[bytes]:
    return _read(process / "environ").split(b"\0")


def _folder_of(process: Path) -> str | None:
    try:
        return os.readlink(process / "cwd")
    except OSError:
        return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
