"""What a publisher may change without breaking a reader of the released schema.

A new optional field is fine. A field that goes away, becomes another type, or is no longer always
there breaks readers; a value outside a released enum surprises them.
"""

from typing import Any

Schema = dict[str, Any]


def breaking_changes(released: Schema, current: Schema) -> list[str]:
    """Sentences that say what breaks; empty when the change only adds."""
    return _compare(_Side(released, released), _Side(current, current), "")


class _Side:
    """A schema and the document its references point into."""

    def __init__(self, schema: Schema, document: Schema) -> None:
        self.document = document
        while "$ref" in schema:
            schema = document["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        self.schema = schema

    def inside(self, schema: Schema) -> "_Side":
        return _Side(schema, self.document)

    def types(self) -> set[str]:
        """The JSON types a value may have, with the format where one is named."""
        options = self.schema.get("anyOf") or [self.schema]
        resolved = [self.inside(option).schema for option in options]
        return {f"{one.get('type', 'any')} {one.get('format', '')}".strip() for one in resolved}


def _compare(released: _Side, current: _Side, where: str) -> list[str]:
    found = []
    if not current.types() <= released.types():
        found.append(f"{where or 'the event'} may now be {sorted(current.types())}")
    found += _compare_values(released.schema, current.schema, where)
    found += _compare_properties(released, current, where)
    if "items" in released.schema and "items" in current.schema:
        found += _compare(
            released.inside(released.schema["items"]),
            current.inside(current.schema["items"]),
            f"{where}[]",
        )
    return found


def _compare_values(released: Schema, current: Schema, where: str) -> list[str]:
    before, after = _values(released), _values(current)
    if before is None or after is None:
        return [f"{where} may now be anything"] if before is not None else []
    return [f"{where} may now be {value!r}" for value in sorted(after - before, key=str)]


def _values(schema: Schema) -> set[Any] | None:
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


def _compare_properties(released: _Side, current: _Side, where: str) -> list[str]:
    found = []
    now = current.schema.get("properties", {})
    promised = set(released.schema.get("required", ()))
    kept = set(current.schema.get("required", ()))
    for name, schema in released.schema.get("properties", {}).items():
        path = f"{where}.{name}".lstrip(".")
        if name not in now:
            found.append(f"{path} is gone")
            continue
        if name in promised - kept:
            found.append(f"{path} is no longer always there")
        found += _compare(released.inside(schema), current.inside(now[name]), path)
    return found
