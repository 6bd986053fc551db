"""Holds requests and answers of Fiken's API against an OpenAPI document."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator

Json = dict[str, Any]
OWN = Path(__file__).with_name("fiken_fields.yaml")
VENDORS = Path(__file__).parents[2].parent / "shared" / "data" / "fiken-openapi.yaml"


@cache
def specifications() -> "list[Spec]":
    """Our own fields always; the vendor's whole document where it is at hand."""
    return [Spec(path) for path in (OWN, VENDORS) if path.exists()]


class Spec:
    """One OpenAPI document; `problems` is empty when an exchange keeps to it."""

    def __init__(self, path: Path) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._document: Json = yaml.load(path.read_text(encoding="utf-8"), loader)

    def problems(self, request: httpx.Request, response: httpx.Response) -> list[str]:
        """What is wrong with one successful exchange, in words."""
        path = request.url.path.removeprefix("/api/v2")
        found = [(p, o) for p, o in self._document["paths"].items() if _matches(p, path)]
        # A literal segment such as /send wins over {invoiceId}.
        found.sort(key=lambda entry: entry[0].count("{"))
        operation = found[0][1].get(request.method.lower()) if found else None
        if operation is None:
            return [f"{request.method} {path} is not in the specification"]
        return [
            f"{request.method} {path}: {problem}"
            for part in (
                self._query(request, operation),
                self._body(request, operation),
                self._answer(response, operation),
            )
            for problem in part
        ]

    def _query(self, request: httpx.Request, operation: Json) -> Iterator[str]:
        given = [self._resolved(p) for p in operation.get("parameters", [])]
        known = {p["name"] for p in given if p["in"] == "query"}
        yield from (f"unknown query {name}" for name in request.url.params if name not in known)

    def _body(self, request: httpx.Request, operation: Json) -> Iterator[str]:
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            return
        schema = content["application/json"]["schema"]
        body = json.loads(request.content)
        yield from self._invalid(OAS30WriteValidator, schema, body)
        yield from self._unknown(schema, body, "request")

    def _answer(self, response: httpx.Response, operation: Json) -> Iterator[str]:
        promised = operation["responses"].get(str(response.status_code))
        if promised is None:
            yield f"status {response.status_code} is not in the specification"
            return
        for name in promised.get("headers", {}):
            if name.lower() not in response.headers:
                yield f"header {name} is missing"
        content = promised.get("content")
        if content is None:
            if response.content:
                yield "a body nobody promised"
            return
        schema = content["application/json"]["schema"]
        yield from self._invalid(OAS30ReadValidator, schema, response.json())
        yield from self._unknown(schema, response.json(), "answer")

    def _invalid(self, validator: Any, schema: Json, value: Any) -> Iterator[str]:
        whole = {**schema, "components": self._document["components"]}
        for error in validator(whole).iter_errors(value):
            yield f"{'.'.join(map(str, error.path))}: {error.message}"

    def _unknown(self, schema: Json, value: Any, path: str) -> Iterator[str]:
        schema = self._resolved(schema)
        if isinstance(value, list):
            for item in value:
                yield from self._unknown(schema.get("items", {}), item, f"{path}[]")
        elif isinstance(value, dict):
            properties = self._properties(schema)
            for name, inner in value.items():
                if name not in properties:
                    yield f"{path}.{name} is unknown"
                else:
                    yield from self._unknown(properties[name], inner, f"{path}.{name}")

    def _properties(self, schema: Json) -> Json:
        properties: Json = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            properties |= self._properties(self._resolved(part))
        return properties

    def _resolved(self, schema: Json) -> Json:
        while "$ref" in schema:
            _, _, kind, name = schema["$ref"].split("/")
            schema = self._document["components"][kind][name]
        return schema


def _matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) is not None
