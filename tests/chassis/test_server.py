"""Head and body of an answer leave together, and nothing is lost or reordered by that."""

import asyncio
from typing import Any, cast

import pytest

from chassis.server import AT_ONCE, Gathering


class Wire:
    """A transport that remembers its writes."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return name


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.fixture
async def gathering(wire: Wire) -> Gathering:
    soon = asyncio.get_running_loop().call_soon
    return Gathering(cast(asyncio.Transport, cast(Any, wire)), soon)


async def test_what_is_written_in_one_turn_leaves_in_one_write(
    gathering: Gathering, wire: Wire
) -> None:
    for data in (b"head", b"", b"body"):
        gathering.write(data)
    assert wire.writes == []
    await asyncio.sleep(0)
    assert wire.writes == [b"headbody"]
    gathering.write(b"next")
    await asyncio.sleep(0)
    assert wire.writes == [b"headbody", b"next"]


async def test_much_leaves_at_once_behind_what_came_before(
    gathering: Gathering, wire: Wire
) -> None:
    gathering.write(b"head")
    gathering.write(b"x" * AT_ONCE)
    gathering.write(b"tail")
    assert wire.writes == [b"head" + b"x" * AT_ONCE]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert b"".join(wire.writes) == b"head" + b"x" * AT_ONCE + b"tail"


async def test_closing_sends_what_was_gathered_and_nothing_after(
    gathering: Gathering, wire: Wire
) -> None:
    gathering.write(b"last words")
    gathering.close()
    assert wire.writes == [b"last words"]
    assert gathering.is_closing()
    await asyncio.sleep(0)
    assert wire.writes == [b"last words"]


async def test_a_client_that_goes_in_between_is_no_error(gathering: Gathering, wire: Wire) -> None:
    gathering.write(b"too late")
    wire.close()
    await asyncio.sleep(0)
    assert wire.writes == []


async def test_everything_else_is_the_transports(gathering: Gathering) -> None:
    assert gathering.get_extra_info("peername") == "peername"
