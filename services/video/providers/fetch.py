"""Fetches a generated clip: known hosts only, no redirects, bounded in size and time."""

import ipaddress
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiofiles
import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver

from services.video.providers.base import ProviderBusy, ProviderRefused
from services.video.settings import Settings

TIMEOUT = aiohttp.ClientTimeout(total=120, connect=10, sock_read=20)
PIECE_BYTES = 256 * 1024


class ClipFetcher:
    """Downloads from the hosts that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._hosts = settings.fal_media_hosts
        self._max_bytes = settings.max_clip_bytes

    async def fetch(self, url: str, target: Path) -> None:
        """Raises ProviderRefused for what never becomes right, ProviderBusy for the rest."""
        local = self._refuse_foreign(url)
        resolver = ThreadedResolver() if local else _PublicResolver()
        connector = aiohttp.TCPConnector(resolver=resolver)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                await self._save(answer, target)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderBusy("clip_not_fetched") from error

    def _refuse_foreign(self, url: str) -> bool:
        """True for a stand-in: allowed with its port, so plain and on a private address."""
        parts = urlsplit(url)
        local = ":" in parts.netloc and parts.scheme == "http"
        if parts.netloc not in self._hosts or not (local or parts.scheme == "https"):
            raise ProviderRefused("clip_on_foreign_host")
        return ":" in parts.netloc

    async def _save(self, answer: aiohttp.ClientResponse, target: Path) -> None:
        if answer.status in (301, 302, 303, 307, 308, 403, 404, 410):
            raise ProviderRefused("clip_gone")
        if answer.status != 200:
            raise ProviderBusy("clip_not_fetched")
        if (answer.content_length or 0) > self._max_bytes:
            raise ProviderRefused("clip_too_large")
        size = 0
        async with aiofiles.open(target, "wb") as file:
            async for piece in answer.content.iter_chunked(PIECE_BYTES):
                size += len(piece)
                if size > self._max_bytes:
                    raise ProviderRefused("clip_too_large")
                await file.write(piece)


class _PublicResolver(AbstractResolver):
    """Answers only public addresses, at the moment of connecting."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> Any:
        found = await self._resolver.resolve(host, port, family)
        public = [one for one in found if ipaddress.ip_address(one["host"]).is_global]
        if not public:
            raise OSError("no public address")
        return public

    async def close(self) -> None:
        await self._resolver.close()
