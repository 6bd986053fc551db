"""Picks TCP ports on the loopback address."""

import socket
from contextlib import closing

HOST = "127.0.0.1"
# Ports above are handed out for outgoing connections and may be taken between stop and start.
LAST_PORT = 32_000
STEP = 10


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_listening(port: int, host: str = HOST) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port(wanted: int) -> int:
    """The wanted port, or the next one in steps of ten that nobody holds."""
    for port in range(wanted, LAST_PORT, STEP):
        if is_free(port):
            return port
    raise OSError(f"no free TCP port between {wanted} and {LAST_PORT}")
