"""Picks TCP ports on the loopback address, different ones for servers that start together."""

import socket
from contextlib import closing
from types import TracebackType
from typing import Self

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
    with Claims() as claims:
        return claims.port(wanted)


class Claims:
    """Ports of one server or product: no other gets them, even while nothing listens there yet."""

    def __init__(self) -> None:
        self._held: dict[int, socket.socket] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def port(self, wanted: int) -> int:
        """The wanted port, or the next one in steps of ten that is free; ours until `release`."""
        for port in range(wanted, LAST_PORT, STEP):
            if self._claim(port):
                return port
        raise OSError(f"no free TCP port between {wanted} and {LAST_PORT}")

    def holds(self, port: int) -> bool:
        return port in self._held

    def release(self) -> None:
        """Give the ports back; what listens by now keeps them by listening."""
        while self._held:
            self._held.popitem()[1].close()

    def _claim(self, port: int) -> bool:
        # The UDP port of the same number stands for it: it is in no server's way, only one process
        # can have it, and it is given back by the kernel whatever happens to that process.
        sign = socket.socket(type=socket.SOCK_DGRAM)
        try:
            sign.bind((HOST, port))
        except OSError:
            sign.close()
            return False
        # Looked at last: the one before us stops claiming a port when it listens.
        if not is_free(port):
            sign.close()
            return False
        self._held[port] = sign
        return True
