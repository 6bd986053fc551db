"""The connections to a service, against services that write whatever they like."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from services.gateway.connection import HELD_BYTES, Broken
from services.gateway.errors import BodyTooLarge, MalformedRequest
from services.gateway.pool import Outgoing, Patience, Pool, Unreachable
from tests.gateway.conftest import until

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhei"


class Service:
    """Counts its connections and keeps the heads of the requests it has read."""

    def __init__(self, behave: Behaviour) -> None:
        self.connections = 0
        self.heads: list[bytes] = []
        self._behave = behave

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self._behave(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def asked(behave: Behaviour, **changed: float) -> AsyncIterator[tuple[Pool, Service]]:
    service = Service(behave)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    patience = {"place": 0.2, "connect": 2.0, "read": 2.0, "connections": 5, **changed}
    connections = int(patience.pop("connections"))
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    pool = Pool(address, connections, Patience(**patience))
    async with server:
        try:
            yield pool, service
        finally:
            pool.close()


def says(*answers: bytes) -> Behaviour:
    """One after the other, the last one again and again; an empty one hangs up."""
    left = list(answers)

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if not answer:
            raise ConnectionError
        writer.write(answer)

    return behave


def get(method: str = "GET", **more: object) -> Outgoing:
    return Outgoing(method, b"/x", [(b"a", b"b")], **more)  # type: ignore[arg-type]


async def whole(pool: Pool, outgoing: Outgoing) -> tuple[int, bytes]:
    answer = await pool.ask(outgoing)
    try:
        pieces = [await answer.read()]
        while not answer.finished:
            pieces.append(await answer.read())
        return answer.status, b"".join(pieces)
    finally:
        pool.release(answer)


async def test_one_connection_serves_one_request_after_the_other() -> None:
    async with asked(says(OK)) as (pool, service):
        for _ in range(3):
            assert await whole(pool, get()) == (200, b"hei")
        assert service.connections == 1
        host = service.heads[0].split(b"host: ")[1].split(b"\r\n")[0]
        expected = b"GET /x HTTP/1.1\r\nhost: %b\r\na: b\r\n\r\n" % host
        assert service.heads == [expected] * 3


async def test_requests_at_once_have_a_connection_each_up_to_the_limit() -> None:
    going_on = asyncio.Event()

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await going_on.wait()
        writer.write(OK)

    async with asked(behave, connections=2) as (pool, service):
        two = [asyncio.create_task(whole(pool, get())) for _ in range(2)]
        await until(lambda: service.connections == 2)
        with pytest.raises(Unreachable):
            await pool.ask(get())
        going_on.set()
        assert await asyncio.gather(*two) == [(200, b"hei")] * 2
        assert await whole(pool, get()) == (200, b"hei")
        assert service.connections == 2


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", 304, b""),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, 200, b"hei"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nhei\r\n2\r\n!!\r\n0\r\nx-trailer: 1\r\n\r\n",
            200,
            b"hei!!",
        ),
    ],
)
async def test_answers_of_every_framing_are_read_and_the_connection_kept(
    answer: bytes, status: int, body: bytes
) -> None:
    async with asked(says(answer)) as (pool, service):
        assert await whole(pool, get()) == (status, body)
        assert await whole(pool, get()) == (status, body)
        assert service.connections == 1


async def test_interim_headers_and_trailers_are_not_the_answers_headers() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-trailer: 1\r\n\r\n"
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    async with asked(says(hints + chunked)) as (pool, _):
        answer = await pool.ask(get())
        assert answer.headers == [(b"Transfer-Encoding", b"chunked")]
        pool.release(answer)


async def test_head_has_no_body_whatever_length_is_told() -> None:
    async with asked(says(OK.removesuffix(b"hei"))) as (pool, _):
        assert await whole(pool, get("HEAD")) == (200, b"")
        assert await whole(pool, get("HEAD")) == (200, b"")


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhei")
        await writer.drain()
        raise ConnectionError

    async with asked(behave) as (pool, service):
        assert await whole(pool, get()) == (200, b"hei")
        assert await whole(pool, get()) == (200, b"hei")
        assert service.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\ncontent-length: 8\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_broken(answer: bytes) -> None:
    async with asked(says(answer)) as (pool, _):
        with pytest.raises(Broken):
            await pool.ask(get("POST"))


async def test_half_an_answer_is_broken_and_silence_runs_out_of_time() -> None:
    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:-1])
        await writer.drain()
        raise ConnectionError

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:-1])
        await asyncio.sleep(5)

    async with asked(half) as (pool, _):
        with pytest.raises(Broken):
            await whole(pool, get())
    async with asked(silent, read=0.1) as (pool, _):
        with pytest.raises(TimeoutError):
            await whole(pool, get())


@pytest.mark.parametrize("surplus", [b"more", OK])
async def test_a_second_answer_nobody_asked_for_reaches_nobody(surplus: bytes) -> None:
    async with asked(says(OK + surplus, OK.replace(b"hei", b"du!"))) as (pool, service):
        assert await whole(pool, get()) == (200, b"hei")
        assert await whole(pool, get()) == (200, b"du!")
        assert service.connections == 2


async def test_a_connection_that_was_closed_while_idle_costs_only_what_must_not_be_repeated() -> (
    None
):
    async with asked(says(OK, b"", OK, b"", OK)) as (pool, service):
        assert await whole(pool, get()) == (200, b"hei")
        assert await whole(pool, get()) == (200, b"hei")
        assert service.connections == 2
        with pytest.raises(Broken):
            await pool.ask(get("POST"))
        assert await whole(pool, get("POST")) == (200, b"hei")


async def test_a_refusal_before_the_end_of_the_body_is_passed_on() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0)

    refusal = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"
    async with asked(says(refusal)) as (pool, service):
        assert await whole(pool, get("POST", data=endless())) == (413, b"")
        assert service.heads[0].endswith(b"transfer-encoding: chunked\r\n\r\n")
        await whole(pool, get())
        assert service.connections == 2


async def test_what_stops_the_body_stops_the_request() -> None:
    async def too_much() -> AsyncIterator[bytes]:
        yield b"x"
        raise BodyTooLarge

    async with asked(says(b" ")) as (pool, service):
        with pytest.raises(BodyTooLarge):
            await pool.ask(get("POST", data=too_much()))
        assert service.connections == 1


async def test_a_slow_client_makes_the_service_wait() -> None:
    size, written = 50_000_000, 0

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while written < size:
            writer.write(b"x" * 100_000)
            await writer.drain()
            written += 100_000

    async with asked(behave) as (pool, _):
        answer = await pool.ask(get())
        await asyncio.sleep(0.2)
        assert written < size / 2
        assert len(await answer.read()) < HELD_BYTES + 1_000_000
        total = 0
        while not answer.finished:
            total += len(await answer.read())
        assert total > size / 2
        assert answer.reusable
        pool.release(answer)


async def test_no_request_hides_in_a_header() -> None:
    async with asked(says(OK)) as (pool, service):
        for value in (b"1\r\nx: 2", b"1\n", b"1\r", b"1\r\n\r\nGET /internal HTTP/1.1\r\n"):
            with pytest.raises(MalformedRequest):
                await pool.ask(Outgoing("GET", b"/x", [(b"a", value)]))
        assert service.connections == 0
