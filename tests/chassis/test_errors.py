"""Every way out of a route that is not an answer is a problem document, and tells no secret."""

from collections.abc import AsyncIterator

import httpx
import pytest

from chassis.caller import sign
from chassis.testing import KeyPair
from tests.chassis.bench import Bench
from tests.chassis.sample_app import create_app
from tests.support.services import make_caller


@pytest.fixture
async def client(bench: Bench, key_pair: KeyPair) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(bench), raise_app_exceptions=False)
    token = sign(make_caller(), key_pair.private_key, service=bench.name)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sample", headers=headers
    ) as client:
        yield client


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
    assert body["title"]


async def test_unknown_path_and_method_are_problems(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/nothing"), 404, "not_found")
    refused = await client.put("/notes", json={})
    assert_problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "POST"


async def test_refusal_says_its_reason_detail_and_members(client: httpx.AsyncClient) -> None:
    refused = await client.post("/teapots")
    assert_problem(refused, 418, "teapot")
    assert refused.json()["detail"] == "Use a kettle"
    assert refused.json()["kettle"] == "blue"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"password": "hunter2"}', ["body", "password"]),
        (b'{"count": "hunter2"}', ["body", "count"]),
        (b'{"text": "hunter2, hunter2 and hunter2"}', ["body", "text"]),
        (b'["hunter2"]', ["body"]),
        (b'{"text": hunter2', ["body", 9]),
    ],
)
async def test_invalid_body_names_the_field_and_repeats_nothing(
    client: httpx.AsyncClient, body: bytes, field: list[object]
) -> None:
    refused = await client.post(
        "/notes", content=body, headers={"content-type": "application/json"}
    )
    assert_problem(refused, 422, "invalid_request")
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert "hunter2" not in refused.text


async def test_breakage_tells_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    broken = await client.post("/notes", json={"text": "break"})
    assert_problem(broken, 500, "internal_error")
    assert set(broken.json()) <= {"type", "title", "status", "code", "trace_id"}
    assert "hunter2" not in broken.text
    assert "RuntimeError" not in broken.text
