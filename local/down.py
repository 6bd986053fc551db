"""`make down`: stops the product and the servers that this clone started, and nothing else."""

import json
import os
import signal
import time
from contextlib import suppress

from local.infrastructure import stop_servers
from local.up import pid_file

WAIT_SECONDS = 20.0


def stop_product() -> None:
    """Ask the supervisor to stop, and wait until it has."""
    try:
        pid = int(json.loads(pid_file().read_text())["pid"])
    except FileNotFoundError:
        return
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + WAIT_SECONDS
    while pid_file().exists() and _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    pid_file().unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    stop_product()
    stop_servers()
