"""Results are fetched from listed hosts, whole, bounded, without following anybody anywhere."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from services.imaging.providers.media import MediaFetcher, MediaRefused, MediaUnreachable
from tests.imaging import pictures
from tests.local.serving import free_socket, served

MOST = 100_000


async def unannounced(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(32):
            yield b"x" * 65_536

    return StreamingResponse(pieces(), media_type="image/jpeg")


@pytest.fixture
async def cdn() -> AsyncIterator[str]:
    def give(content: bytes, media_type: str, status: int = 200) -> Response:
        return Response(content, status_code=status, media_type=media_type)

    routes = [
        Route("/good", lambda _: give(pictures.jpeg(), "image/jpeg")),
        Route("/page", lambda _: give(b"<html>", "text/html")),
        Route("/gone", lambda _: give(b"", "image/jpeg", 404)),
        Route("/busy", lambda _: give(b"", "image/jpeg", 503)),
        Route("/huge", lambda _: give(b"x" * (MOST + 1), "image/jpeg")),
        Route("/away", lambda _: RedirectResponse("http://169.254.169.254/latest")),
        Route("/unannounced", unannounced),
    ]
    bound, address = free_socket()
    async with served(Starlette(routes=routes), bound):
        yield address


async def fetch(cdn: str, path: str) -> bytes:
    async with MediaFetcher((cdn.removeprefix("http://"),), max_bytes=MOST) as media:
        return await media.fetch(f"{cdn}/{path}")


async def test_a_picture_is_fetched_whole(cdn: str) -> None:
    assert await fetch(cdn, "good") == pictures.jpeg()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("page", "result_not_an_image"),
        ("gone", "result_missing"),
        ("away", "result_missing"),
        ("huge", "result_too_large"),
        ("unannounced", "result_too_large"),
    ],
)
async def test_what_can_never_be_a_result_is_refused(cdn: str, path: str, reason: str) -> None:
    with pytest.raises(MediaRefused) as refused:
        await fetch(cdn, path)
    assert refused.value.reason == reason


async def test_a_busy_or_absent_host_is_worth_asking_again(cdn: str) -> None:
    with pytest.raises(MediaUnreachable):
        await fetch(cdn, "busy")
    async with MediaFetcher(("127.0.0.1:9",), max_bytes=MOST) as media:
        with pytest.raises(MediaUnreachable):
            await media.fetch("http://127.0.0.1:9/a.jpg")


async def test_a_listed_name_that_points_inside_is_not_connected_to() -> None:
    async with MediaFetcher(("localhost",), max_bytes=MOST) as media:
        with pytest.raises(MediaUnreachable):
            await media.fetch("https://localhost/a.jpg")
