"""Fetches a finished picture from the vendor's CDN, and from nowhere else."""

import asyncio
import ipaddress
import socket
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

TIMEOUT = aiohttp.ClientTimeout(total=60, connect=5, sock_read=15)
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp")


class MediaRefused(Exception):
    """This address or what lies there can never be a result; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MediaUnreachable(Exception):
    """The file could not be fetched now."""


class MediaFetcher:
    """`hosts` is the allow-list; only its `host:port` entries may be private or plain http."""

    def __init__(self, hosts: tuple[str, ...], *, max_bytes: int) -> None:
        self._hosts = frozenset(hosts)
        self._max_bytes = max_bytes

    async def __aenter__(self) -> Self:
        local = frozenset(host.rsplit(":", 1)[0] for host in self._hosts if ":" in host)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=_PublicResolver(local), limit=20),
            timeout=TIMEOUT,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def fetch(self, url: str) -> bytes:
        """The picture's bytes; raises MediaRefused or MediaUnreachable."""
        if not is_allowed(url, self._hosts):
            raise MediaRefused("result_host_refused")
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                _check(answer, self._max_bytes)
                return await self._read(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise MediaUnreachable(type(error).__name__) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        data = bytearray()
        async for piece in answer.content.iter_chunked(262_144):
            data += piece
            if len(data) > self._max_bytes:
                raise MediaRefused("result_too_large")
        return bytes(data)


def is_allowed(url: str, hosts: frozenset[str]) -> bool:
    """https on an allowed host, or exactly an allowed `host:port`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.password is not None or parts.hostname is None:
        return False
    if port is not None and parts.scheme in ("http", "https"):
        return f"{parts.hostname}:{port}" in hosts
    return parts.scheme == "https" and parts.hostname in hosts


def _check(answer: aiohttp.ClientResponse, max_bytes: int) -> None:
    if answer.status >= 500 or answer.status in (408, 429):
        raise MediaUnreachable(f"status {answer.status}")
    if answer.status != 200:
        raise MediaRefused("result_missing")
    if answer.content_type not in PICTURE_TYPES:
        raise MediaRefused("result_not_an_image")
    if (answer.content_length or 0) > max_bytes:
        raise MediaRefused("result_too_large")


class _PublicResolver(AbstractResolver):
    """Resolves, and drops every private address unless the host is listed with a port."""

    def __init__(self, local: frozenset[str]) -> None:
        self._local = local

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
            if host in self._local or ipaddress.ip_address(address[0]).is_global
        ]
        if not results:
            raise OSError(f"{host} has no public address")
        return results

    async def close(self) -> None:
        """Nothing is kept."""
