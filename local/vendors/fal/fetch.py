"""Download a request's inputs from the URLs it names, within size and time."""

import asyncio
from pathlib import Path

import httpx

MOST_BYTES = 50 * 1024 * 1024
DEADLINE_SECONDS = 30.0


class FetchFailed(Exception):
    """An input could not be had; `detail` is fal's word for it."""

    def __init__(self, field: str, message: str, kind: str) -> None:
        super().__init__(message)
        loc = [int(part) if part.isdigit() else part for part in field.split(".")]
        self.detail = {"loc": ["body", *loc], "msg": message, "type": kind}


async def fetch_all(
    client: httpx.AsyncClient, urls: dict[str, str], folder: Path
) -> dict[str, Path]:
    """Every input's file by its field; raises FetchFailed for the first that cannot be had."""
    paths = {field: folder / f"input_{number}" for number, field in enumerate(urls)}
    for field, url in urls.items():
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await _fetch(client, field, url, paths[field])
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise _failed(field) from error
    return paths


async def _fetch(client: httpx.AsyncClient, field: str, url: str, path: Path) -> None:
    async with client.stream("GET", url) as response:
        if response.status_code != httpx.codes.OK:
            raise _failed(field)
        size = 0
        with path.open("wb") as file:
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > MOST_BYTES:
                    raise FetchFailed(field, "The file is too large.", "file_too_large")
                file.write(chunk)


def _failed(field: str) -> FetchFailed:
    return FetchFailed(field, "Failed to download the file.", "file_download_error")


def client() -> httpx.AsyncClient:
    """Follows redirects as fal does, and ignores the machine's proxies."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(DEADLINE_SECONDS, connect=5.0),
        follow_redirects=True,
        max_redirects=3,
        trust_env=False,
    )
