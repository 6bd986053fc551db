"""Pages in a browser: ours may act and read, those of other sites may not."""

import json

import httpx

from tests.gateway.conftest import Gateway, Person, StartGateway
from tests.gateway.echo import Echo


async def test_another_site_cannot_act_with_the_cookie_nor_sign_a_victim_in(
    gateway: Gateway, member: httpx.AsyncClient, echo: Echo
) -> None:
    attacks: list[dict[str, str]] = [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://other.localhost"},
        {"origin": "https://evil.example", "content-type": "text/plain"},
    ]
    before = len(echo.seen)
    for headers in attacks:
        answer = await member.post("/v1/projects", content=b"{}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
        async with gateway.client() as victim:
            body = json.dumps({"email": "a@example.com", "password": "x" * 9}).encode()
            answer = await victim.post("/v1/auth/sign-in", content=body, headers=headers)
            assert answer.status_code == 403
    assert len(echo.seen) == before
    own = {"origin": gateway.address, "sec-fetch-site": "same-origin"}
    assert (await member.post("/v1/projects", content=b"{}", headers=own)).status_code == 200


async def test_pages_of_listed_origins_may_read_answers_and_others_not(
    start_gateway: StartGateway, kari: Person
) -> None:
    app = "https://app.example.com"
    preflight = {"access-control-request-method": "POST"}
    async with (
        start_gateway(allowed_origins=(app,)) as gateway,
        gateway.client(kari.session) as client,
    ):
        asked = await client.options("/v1/projects", headers={"origin": app, **preflight})
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked.headers["access-control-allow-origin"] == app
        assert asked.headers["access-control-allow-credentials"] == "true"
        assert "idempotency-key" in asked.headers["access-control-allow-headers"]
        cross = {"origin": app, "sec-fetch-site": "cross-site"}
        for path in ("/v1/projects", "/v1/projects//"):
            answer = await client.post(path, json={}, headers=cross)
            assert answer.headers["access-control-allow-origin"] == app
            assert answer.headers["vary"] == "origin"
            exposed = set(answer.headers["access-control-expose-headers"].split(", "))
            assert {"last-event-id", "retry-after", "idempotent-replayed"} <= exposed
        foreign = {"origin": "https://app.example.com.evil.example"}
        refused = await client.options("/v1/projects", headers={**foreign, **preflight})
        assert refused.status_code == 403
        read = await client.get("/v1/projects", headers=foreign)
        for answer in (refused, read):
            assert "access-control-allow-origin" not in answer.headers
