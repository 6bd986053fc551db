"""`/docs`: the merged document as one page to browse, without scripts and without other hosts."""

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from typing import Any

Document = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
nav a { margin-right: .8rem; } h2 { margin-top: 2.5rem; text-transform: capitalize; }
details { border: 1px solid #8885; border-radius: .5rem; margin: .4rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; } code, pre { font: .9em ui-monospace, monospace; }
pre { overflow-x: auto; background: #8881; border-radius: .4rem; padding: .6rem; }
b.method { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1rem .15rem 0; }
"""
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; frame-ancestors 'none'; style-src 'sha256-{STYLE_DIGEST}'"
DEEPEST = 4
REFERENCE = "#/components/schemas/"


def docs_page(document: Document) -> str:
    """HTML; everything the services wrote is escaped."""
    tags = _by_tag(document)
    schemas = document["components"]["schemas"]
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in tags)
    sections = "".join(_section(tag, operations, schemas) for tag, operations in tags.items())
    info = document["info"]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style>"
        f"<h1>{escape(info['title'])} API</h1><p>{escape(info.get('description', ''))}</p>"
        "<p>Sign in for a session cookie, or send <code>Authorization: Bearer</code> with an API "
        "key. Refusals are <code>application/problem+json</code> with a stable <code>code</code>. "
        'The same as <a href="/openapi.json">OpenAPI 3.1</a>.</p>'
        f"<nav>{links}</nav>{sections}</html>"
    )


def _by_tag(document: Document) -> dict[str, list[tuple[str, str, Document]]]:
    tags: dict[str, list[tuple[str, str, Document]]] = defaultdict(list)
    for path, item in sorted(document["paths"].items()):
        for method, operation in item.items():
            tags[operation["tags"][0]].append((method.upper(), path, operation))
    return dict(sorted(tags.items()))


def _section(tag: str, operations: list[tuple[str, str, Document]], schemas: Document) -> str:
    items = "".join(_operation(*operation, schemas) for operation in operations)
    return f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{items}'


def _operation(method: str, path: str, operation: Document, schemas: Document) -> str:
    about = operation.get("description") or ""
    public = "" if operation["security"] else " <small>for anybody</small>"
    return (
        f"<details><summary><b class=method>{escape(method)}</b> <code>{escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}{public}</summary>"
        f"<p>{escape(about)}</p>{_parameters(operation)}"
        + "".join(_body("Body", operation.get("requestBody", {}), schemas))
        + "".join(_answers(operation["responses"], schemas))
        + "</details>"
    )


def _parameters(operation: Document) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code><td>{escape(p['in'])}"
        f"<td>{escape(_type(p.get('schema', {})))}<td>{'required' if p.get('required') else ''}"
        for p in operation.get("parameters", [])
    )
    return f"<table>{rows}</table>" if rows else ""


def _answers(responses: Document, schemas: Document) -> Iterator[str]:
    for status, answer in responses.items():
        if status[:1] in "123":
            yield from _body(f"Answer {status}", answer, schemas)
            if not answer.get("content"):
                yield f"<p>Answer {escape(status)}: {escape(answer.get('description', ''))}</p>"


def _body(title: str, body: Document, schemas: Document) -> Iterator[str]:
    for media_type, content in body.get("content", {}).items():
        example = json.dumps(_shape(content.get("schema", {}), schemas, 0), indent=2)
        yield f"<p>{escape(title)} <code>{escape(media_type)}</code></p>"
        yield f"<pre>{escape(example)}</pre>"


def _shape(schema: Document, schemas: Document, depth: int) -> Any:
    """The schema as the JSON it describes, with types for values."""
    if "$ref" in schema:
        schema = schemas.get(schema["$ref"].removeprefix(REFERENCE), {})
    if depth > DEEPEST:
        return "…"
    if "properties" in schema:
        inner = schema["properties"].items()
        return {name: _shape(value, schemas, depth + 1) for name, value in inner}
    if schema.get("type") == "array":
        return [_shape(schema.get("items", {}), schemas, depth + 1)]
    options = schema.get("anyOf") or schema.get("oneOf") or []
    objects = [option for option in options if "$ref" in option]
    return _shape(objects[0], schemas, depth + 1) if objects else _type(schema)


def _type(schema: Document) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_type(option) for option in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"].removeprefix(REFERENCE))
    bounds = [str(schema[key]) for key in ("format", "pattern") if key in schema]
    return " ".join([str(schema.get("type", "any")), *bounds])
