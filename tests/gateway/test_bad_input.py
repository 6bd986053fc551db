"""Requests nobody polite sends: each gets a client error, and none an internal door."""

import pytest

from tests.gateway.conftest import Gateway, Person
from tests.gateway.echo import Echo
from tests.gateway.serving import ask, exchange


@pytest.mark.parametrize(
    "target",
    [
        "/internal/principals",
        "/v1/auth/sign-in/../../../internal/principals",
        "/v1/auth/sign-in%2f..%2f..%2f..%2finternal/principals",
        "//internal/principals",
        "/v1/projects/%2e%2e/%2e%2e/internal/principals",
        "http://127.0.0.1/internal/principals",
        "/V1/projects",
    ],
)
async def test_internal_doors_are_not_reached_by_any_spelling(
    gateway: Gateway, kari: Person, echo: Echo, target: str
) -> None:
    before = len(echo.seen)
    for method in ("GET", "POST"):
        status = await ask(
            gateway.address, target, f"cookie: session={kari.session}", method=method
        )
        assert status in (400, 404)
    assert len(echo.seen) == before


@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        (["content-length: 5", "content-length: 6"], {400}),
        (["content-length: -1"], {400}),
        (["content-length: 9" + "9" * 30], {400, 413}),
        (["host: other"], {400}),
        (["origin: a", "origin: b"], {400}),
        (["x-bad\x00: 1"], {400}),
        (["cookie: " + "a=b; " * 500], {401}),
        (["cookie: session=\xff\xfe"], {401}),
        (["authorization: Bearer " + "a" * 500], {401}),
        (["authorization: \x7f"], {400, 401}),
        (["transfer-encoding: chunked", "content-length: 3"], {400}),
    ],
)
async def test_malformed_requests_get_a_client_error(
    gateway: Gateway, lines: list[str], statuses: set[int]
) -> None:
    assert await ask(gateway.address, "/v1/projects", *lines) in statuses


async def test_very_long_targets_are_refused(gateway: Gateway) -> None:
    assert await ask(gateway.address, "/v1/projects/" + "a" * 3000) == 414
    assert await ask(gateway.address, "/v1/projects?q=" + "a" * 9000) == 414


async def test_unknown_paths_and_websockets_get_an_answer(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.get("/nowhere")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer.headers["x-content-type-options"] == "nosniff"
    upgrade = (
        b"GET /v1/projects HTTP/1.1\r\nhost: g\r\nconnection: close, upgrade\r\n"
        b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    answer_bytes = await exchange(gateway.address, upgrade)
    assert answer_bytes.split(b" ")[1][:1] == b"4"
