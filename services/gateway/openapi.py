"""One OpenAPI 3.1 document for the whole product, merged from what the services say themselves."""

import asyncio
import json
import time
from typing import Any

import aiohttp
from pydantic import BaseModel

from services.gateway.routing import Route, find_route
from services.gateway.settings import Settings
from services.gateway.upstreams import addresses

KEPT_SECONDS = 10.0
FETCH_TIMEOUT = aiohttp.ClientTimeout(total=3)
METHODS = frozenset({"get", "put", "post", "delete", "patch"})
REFUSALS = ("4XX", "5XX")
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key and body gets the first answer and does nothing "
    "more; the same key with another body is refused.",
    "schema": {"type": "string", "maxLength": 255},
}

Document = dict[str, Any]


class Problem(BaseModel):
    """Every refusal (RFC 9457); `code` is stable and made to be translated."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    trace_id: str | None = None


class ApiDocument:
    """The merged document, asked for at most once in a while."""

    def __init__(self, settings: Settings, client: aiohttp.ClientSession, own: Document) -> None:
        self._settings = settings
        self._client = client
        self._own = own
        self._lock = asyncio.Lock()
        self._merged: Document = {}
        self._merged_at = 0.0

    async def read(self) -> Document:
        """Every operation that has a route; a service that is down is left out and named."""
        async with self._lock:
            if not self._merged or time.monotonic() - self._merged_at > KEPT_SECONDS:
                self._merged = await self._merge()
                self._merged_at = time.monotonic()
        return self._merged

    async def _merge(self) -> Document:
        services = addresses(self._settings)
        documents = await asyncio.gather(*(self._fetch(url) for url in services.values()))
        merged = _empty(self._settings)
        for service, document in zip(services, documents, strict=True):
            if document is not None:
                _add(merged, service, document)
        _add(merged, "gateway", self._own)
        missing = [s for s, d in zip(services, documents, strict=True) if d is None]
        if missing:
            merged["info"]["description"] = f"Without {', '.join(missing)}: not reachable now."
        return merged

    async def _fetch(self, url: str) -> Document | None:
        try:
            async with self._client.get(f"{url}/openapi.json", timeout=FETCH_TIMEOUT) as answer:
                document: Document = await answer.json()
                return document if answer.status == 200 and "paths" in document else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None


def _empty(settings: Settings) -> Document:
    cookie = "__Host-session" if settings.secure_cookies else "session"
    return {
        "openapi": "3.1.0",
        "info": {"title": "AI Studio", "version": "1"},
        "paths": {},
        "components": {
            "schemas": {"Problem": Problem.model_json_schema()},
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
                "api_key": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _add(merged: Document, service: str, document: Document) -> None:
    schemas = document.get("components", {}).get("schemas", {})
    # Two services may use one schema name for two things.
    text = json.dumps({"paths": document["paths"], "schemas": schemas})
    text = text.replace('"#/components/schemas/', f'"#/components/schemas/{service}.')
    renamed = json.loads(text)
    for name, schema in renamed["schemas"].items():
        merged["components"]["schemas"][f"{service}.{name}"] = schema
    for path, item in renamed["paths"].items():
        route = find_route(path)
        if (route.service if route else "gateway") == service:
            merged["paths"][path] = {
                method: _operation(service, route, method, operation)
                for method, operation in item.items()
                if method in METHODS
            }


def _operation(service: str, route: Route | None, method: str, operation: Document) -> Document:
    """What the gateway knows about it: who may call, and how it is refused."""
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    refusal = {"description": "Refused", "content": {"application/problem+json": problem}}
    answers = {k: v for k, v in operation.get("responses", {}).items() if k != "422"}
    public = route is not None and route.access != "member"
    parameters = operation.get("parameters", [])
    if method == "post" and not public:
        parameters = [*parameters, IDEMPOTENCY_KEY]
    return {
        **operation,
        "parameters": parameters,
        "operationId": f"{service}.{operation.get('operationId', '')}",
        "tags": operation.get("tags") or [service],
        "security": [] if public else [{"session": []}, {"api_key": []}],
        "responses": {**answers, **dict.fromkeys(REFUSALS, refusal)},
    }
