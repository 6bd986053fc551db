"""Requests through a running gateway to a running service."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.gateway.conftest import Gateway, Person, StartGateway, until
from tests.gateway.echo import Echo
from tests.gateway.serving import closed_address, free_socket, served

MEBIBYTE = 1024 * 1024


def sent(seen: dict[str, Any], name: str) -> list[str]:
    return [value for header, value in seen["headers"] if header == name]


async def test_method_path_query_and_body_arrive_as_sent(member: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        body = b'{"name":"\xc3\xa6"}'
        answer = await member.request(method, "/v1/projects/a%20b?x=%2F&x=2&y=", content=body)
        seen = answer.json()
        assert (seen["method"], seen["path"]) == (method, "/v1/projects/a%20b")
        assert seen["query"] == "x=%2F&x=2&y="
        assert seen["sha256"] == hashlib.sha256(body).hexdigest()


async def test_a_request_without_body_has_none_at_the_service(member: httpx.AsyncClient) -> None:
    for method in ("GET", "DELETE", "POST"):
        seen = (await member.request(method, "/v1/projects")).json()
        assert sent(seen, "transfer-encoding") == []
        assert seen["size"] == 0


async def test_a_chunked_body_arrives_whole(member: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(20):
            yield bytes([number]) * 10_000
            await asyncio.sleep(0)

    seen = (await member.post("/v1/projects", content=pieces())).json()
    whole = b"".join(bytes([number]) * 10_000 for number in range(20))
    assert (seen["size"], seen["sha256"]) == (len(whole), hashlib.sha256(whole).hexdigest())


async def test_what_a_client_claims_about_itself_does_not_reach_a_service(
    gateway: Gateway, kari: Person
) -> None:
    claims = {
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-host": "evil.example",
        "x-real-ip": "6.6.6.6",
        "forwarded": "for=6.6.6.6",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
        "tracestate": "x=y",
        "baggage": "admin=true",
        "x-request-id": "mine",
        "x-http-method-override": "DELETE",
        "connection": "keep-alive, x-hop",
        "x-hop": "1",
        "te": "trailers",
    }
    async with gateway.client(kari.session, **claims) as client:
        seen = (await client.get("/v1/projects")).json()
    assert sent(seen, "x-forwarded-for") == ["127.0.0.1"]
    assert "a" * 32 not in sent(seen, "traceparent")[0]
    gone = set(claims) - {"x-forwarded-for", "traceparent", "connection"}
    assert [name for name in gone if sent(seen, name)] == []
    assert sent(seen, "cookie") == []
    assert sent(seen, "host") != ["evil.example"]


async def test_the_token_at_the_service_is_ours_and_not_the_clients(
    gateway: Gateway, kari: Person, member: httpx.AsyncClient
) -> None:
    token = sent((await member.get("/v1/projects")).json(), "authorization")
    assert len(token) == 1
    assert token[0].startswith("Bearer ey")
    async with gateway.client(authorization=token[0]) as forger:
        assert (await forger.get("/v1/projects")).status_code == 401
    async with gateway.client() as anonymous:
        hook = await anonymous.post("/webhooks/stripe", headers={"authorization": token[0]})
        assert sent(hook.json(), "authorization") == []


async def test_one_trace_id_is_in_the_answer_and_at_the_service(member: httpx.AsyncClient) -> None:
    answer = await member.get("/v1/projects")
    trace_id = answer.headers["x-request-id"]
    assert len(trace_id) == 32
    assert sent(answer.json(), "traceparent")[0].split("-")[1] == trace_id
    refused = await member.get("/v1/projects//")
    assert refused.json()["trace_id"] == refused.headers["x-request-id"] != trace_id


async def test_a_webhook_arrives_byte_for_byte_with_its_signature(gateway: Gateway) -> None:
    body = b'{ "id":"evt_1",\n\t"amount": 1.0 ,"name":"\\u00e6 \xc3\xa6"}\r\n'
    headers = {"stripe-signature": "t=1,v1=abc", "content-type": "application/json; charset=utf-8"}
    async with gateway.client() as vendor:
        seen = (await vendor.post("/webhooks/stripe", content=body, headers=headers)).json()
        assert seen["sha256"] == hashlib.sha256(body).hexdigest()
        assert sent(seen, "stripe-signature") == ["t=1,v1=abc"]
        assert sent(seen, "content-type") == ["application/json; charset=utf-8"]
        fal = {f"x-fal-webhook-{name}": "1" for name in ("request-id", "signature", "timestamp")}
        path = "/webhooks/fal/video/0198"
        seen = (await vendor.post(path, content=body, headers=fal)).json()
        assert seen["path"] == path
        assert [name for name in fal if sent(seen, name) != ["1"]] == []


async def test_a_body_over_the_limit_is_refused_whether_announced_or_not(
    member: httpx.AsyncClient, echo: Echo
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 65536
            await asyncio.sleep(0)

    before = len(echo.seen)
    announced = await member.post("/v1/projects", content=b"x" * (MEBIBYTE + 1))
    chunked = await member.post("/v1/projects", content=pieces())
    for answer in (announced, chunked):
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "body_too_large"
    assert len(echo.seen) == before
    assert (await member.post("/v1/projects", content=b"x" * MEBIBYTE)).status_code == 200


async def test_a_body_that_stops_coming_is_given_up(start_gateway: StartGateway) -> None:
    async with start_gateway(body_timeout_seconds=0.2) as gateway:
        head = b"POST /webhooks/stripe HTTP/1.1\r\nhost: g\r\ncontent-length: 9\r\n\r\n"
        where = gateway.address.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(*where)
        writer.write(head + b"half")
        answer = await asyncio.wait_for(reader.read(4096), 3)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_service_that_is_down_is_503_and_the_others_go_on(
    start_gateway: StartGateway, kari: Person
) -> None:
    settings = {"video_url": closed_address(), "breaker_open_seconds": 0.3}
    async with start_gateway(**settings) as gateway, gateway.client(kari.session) as client:
        for _ in range(7):
            answer = await client.get("/v1/videos")
            assert answer.status_code == 503
            assert answer.json()["code"] == "service_unavailable"
            assert answer.headers["retry-after"] == "2"
        assert (await client.get("/v1/projects")).status_code == 200


async def test_the_breaker_opens_and_closes_again_when_the_service_is_back(
    start_gateway: StartGateway, kari: Person, echo: Echo
) -> None:
    bound, address = free_socket()
    settings = {"video_url": address, "breaker_open_seconds": 0.3, "breaker_failures": 3}
    async with start_gateway(**settings) as gateway, gateway.client(kari.session) as client:
        breaker = gateway.state.proxy.upstreams["video"].breaker
        for _ in range(3):
            assert (await client.get("/v1/videos")).status_code == 503
        failures = breaker.failures
        assert (await client.get("/v1/videos")).status_code == 503
        assert breaker.failures == failures, "an open breaker asks nobody"
        async with served(echo.app, bound):
            async with asyncio.timeout(5):
                while (await client.get("/v1/videos")).status_code != 200:
                    await asyncio.sleep(0.05)
            assert breaker.failures == 0


async def test_a_slow_service_is_504_and_a_broken_one_502(
    start_gateway: StartGateway, kari: Person
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    rude = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{rude.sockets[0].getsockname()[1]}"
    settings = {"read_timeout_seconds": 0.3, "video_url": address}
    async with rude, start_gateway(**settings) as gateway, gateway.client(kari.session) as client:
        slow = await client.get("/v1/projects/slow")
        assert (slow.status_code, slow.json()["code"]) == (504, "gateway_timeout")
        broken = await client.post("/v1/videos", json={})
        assert (broken.status_code, broken.json()["code"]) == (502, "bad_gateway")


@pytest.mark.parametrize("query", ["", "?length=1000"])
async def test_an_answer_that_breaks_off_does_not_look_complete(
    member: httpx.AsyncClient, query: str
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await member.get(f"/v1/projects/dies{query}")


async def test_an_answer_is_streamed_and_stops_when_the_client_leaves(
    member: httpx.AsyncClient, echo: Echo
) -> None:
    async with member.stream("GET", "/v1/projects/long") as answer:
        async for _ in answer.aiter_raw():
            break
        assert echo.streaming == 1
    await until(lambda: echo.streaming == 0, 3)


async def test_headers_of_the_answer_pass_once_and_ours_are_added(
    member: httpx.AsyncClient,
) -> None:
    answer = await member.get("/v1/projects/special")
    assert answer.headers.get_list("cache-control") == ["private, max-age=60"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert len(answer.headers.get_list("set-cookie")) == 2
    assert len(answer.headers.get_list("date")) == 1
    assert len(answer.headers.get_list("server")) == 1
    assert "access-control-allow-origin" not in answer.headers
    assert "x-internal" not in answer.headers


async def test_redirects_and_head_and_unknown_methods_pass(member: httpx.AsyncClient) -> None:
    moved = await member.get("/v1/projects/elsewhere")
    assert (moved.status_code, moved.headers["location"]) == (307, "/v1/projects/there")
    head = await member.head("/v1/projects/special")
    assert (head.status_code, head.content) == (200, b"")
    assert (await member.options("/v1/projects/special")).status_code == 405


async def test_two_hundred_connections_at_once_are_all_answered(
    gateway: Gateway, kari: Person
) -> None:
    async def one(client: httpx.AsyncClient) -> int:
        return (await client.post("/v1/projects", json={"a": 1})).status_code

    limits = httpx.Limits(max_connections=200)
    cookie = {"cookie": f"session={kari.session}"}
    async with httpx.AsyncClient(
        base_url=gateway.address, headers=cookie, limits=limits, timeout=20, trust_env=False
    ) as client:
        statuses = await asyncio.gather(*(one(client) for _ in range(250)))
    assert set(statuses) == {200}
