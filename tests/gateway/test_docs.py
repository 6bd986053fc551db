"""The merged document and the page that shows it."""

import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from openapi_core import OpenAPI

from services.gateway.docs import docs_page
from services.gateway.openapi import _add, _empty
from services.gateway.routing import find_route
from tests.gateway.conftest import Gateway, StartGateway
from tests.gateway.serving import closed_address
from tests.gateway.test_rules import SETTINGS


@pytest.fixture
async def document(gateway: Gateway) -> dict[str, Any]:
    async with gateway.client() as client:
        answer = await client.get("/openapi.json")
    found: dict[str, Any] = answer.json()
    return found


async def test_the_merged_document_is_valid_and_holds_identity_and_events(
    document: dict[str, Any],
) -> None:
    assert document["openapi"] == "3.1.0"
    assert OpenAPI.from_dict(document).spec is not None
    assert {"/v1/auth/sign-up", "/v1/members/me", "/v1/events"} <= set(document["paths"])
    references = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))
    assert references <= set(document["components"]["schemas"])


async def test_no_internal_path_is_documented(document: dict[str, Any]) -> None:
    routed = [path for path in document["paths"] if find_route(path) or path == "/v1/events"]
    assert routed == list(document["paths"])


async def test_every_operation_says_who_may_call_and_how_it_is_refused(
    document: dict[str, Any],
) -> None:
    ids = []
    for path, item in document["paths"].items():
        for operation in item.values():
            ids.append(operation["operationId"])
            route = find_route(path)
            public = route is not None and route.access != "member"
            assert (operation["security"] == []) is public, path
            problem = operation["responses"]["4XX"]["content"]["application/problem+json"]
            assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert len(ids) == len(set(ids))


async def test_every_post_of_a_caller_names_the_idempotency_key(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            headers = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"]
            takes = method == "post" and operation["security"] != []
            assert ("Idempotency-Key" in headers) is takes, (method, path)


async def test_reading_the_documents_counts_as_a_strangers_call(
    start_gateway: StartGateway,
) -> None:
    async with start_gateway(anonymous_calls_per_minute=2) as gateway, gateway.client() as client:
        statuses = [
            (await client.get(path)).status_code for path in ("/docs", "/openapi.json", "/docs")
        ]
        refused = await client.get("/openapi.json")
    assert statuses == [200, 200, 429]
    assert (refused.json()["code"], refused.status_code) == ("too_many_requests", 429)
    assert int(refused.headers["retry-after"]) >= 1


async def test_a_service_that_is_down_is_named_and_the_rest_is_there(
    start_gateway: StartGateway,
) -> None:
    async with start_gateway(video_url=closed_address()) as gateway, gateway.client() as client:
        document = (await client.get("/openapi.json")).json()
    assert "video" in document["info"]["description"]
    assert "/v1/auth/sign-up" in document["paths"]


def test_two_services_may_use_one_schema_name() -> None:
    merged = _empty(SETTINGS)
    for service, path, kind in (
        ("imaging", "/v1/projects", "string"),
        ("video", "/v1/videos", "integer"),
    ):
        reference = {"$ref": "#/components/schemas/View"}
        answer = {"content": {"application/json": {"schema": reference}}}
        operation = {"operationId": "list", "responses": {"200": answer}}
        schemas = {"View": {"type": kind}}
        paths = {path: {"get": operation}, "/internal/x": {"get": operation}}
        _add(merged, service, {"paths": paths, "components": {"schemas": schemas}})
    assert set(merged["paths"]) == {"/v1/projects", "/v1/videos"}
    assert merged["components"]["schemas"]["imaging.View"] == {"type": "string"}
    assert merged["components"]["schemas"]["video.View"] == {"type": "integer"}


class Reader(HTMLParser):
    """Collects what a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


async def test_the_page_shows_every_operation_without_scripts_or_other_hosts(
    gateway: Gateway, document: dict[str, Any]
) -> None:
    async with gateway.client() as client:
        page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers.get_list("content-security-policy") == [
        page.headers["content-security-policy"]
    ]
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    reader = Reader()
    reader.feed(page.text)
    assert not reader.tags & {"script", "img", "link", "iframe"}
    assert all(link.startswith(("#", "/")) for link in reader.links)
    for path in document["paths"]:
        assert path in page.text


def test_what_a_service_writes_is_escaped_on_the_page() -> None:
    evil = "<script>alert(1)</script>"
    schema = {"properties": {evil: {"type": evil}}}
    operation = {
        "summary": evil,
        "description": evil,
        "operationId": evil,
        "tags": [evil],
        "parameters": [{"name": evil, "in": evil, "schema": {"type": evil}}],
        "requestBody": {"content": {evil: {"schema": schema}}},
        "responses": {"200": {"description": evil}},
    }
    merged = _empty(SETTINGS)
    _add(merged, "imaging", {"paths": {"/v1/projects": {"get": operation}}})
    assert "<script" not in docs_page(merged)


async def test_probes_answer_without_a_credential(gateway: Gateway) -> None:
    async with gateway.client() as client:
        live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert live.json() == {"live": True}
    assert ready.json() == {"ready": True, "hears_facts": True}


async def test_head_on_the_page_is_not_an_error(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer: httpx.Response = await client.head("/docs")
    assert answer.status_code < 500
