"""Stripe's request encoding: `a[b][0][c]=d` form fields as nested objects and lists."""

import re
from typing import Any
from urllib.parse import parse_qsl

from local.vendors.stripe.errors import StripeError

KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


def decode(encoded: str) -> dict[str, Any]:
    """The parameters of a request; all leaves are strings, as on the wire."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        _place(tree, _path(key), value)
    return {name: _lists(value) for name, value in tree.items()}


def _path(key: str) -> list[str]:
    match = KEY.match(key)
    if match is None:
        raise StripeError.invalid(f"Invalid parameter name: {key}")
    return [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]


def _place(tree: dict[str, Any], path: list[str], value: str) -> None:
    *parents, last = path
    for name in parents:
        tree = tree.setdefault(name or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise StripeError.invalid("A parameter is both a value and an object.", param=path[0])
    tree[last or str(len(tree))] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(part) for name, part in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
