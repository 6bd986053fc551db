"""Compares a payload with the annotations of Stripe's own client, generated from its spec."""

import datetime
import decimal
import types
import typing
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe


def wrong_fields(payload: dict[str, Any], described_by: type) -> list[str]:
    """Every required field that is missing and every value of another type than annotated."""
    return list(_object(payload, described_by, described_by.__name__))


def _annotations(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, stripe.StripeObject) and base is not stripe.StripeObject:
            found |= vars(base).get("__annotations__", {})
    return {
        name: kind
        for name, kind in found.items()
        if not name.startswith("_") and "ClassVar" not in str(kind)
    }


def _object(value: dict[str, Any], cls: type, path: str) -> typing.Iterator[str]:
    annotations = _annotations(cls)
    for name, kind in annotations.items():
        if name in value:
            yield from _value(value[name], kind, f"{path}.{name}")
        elif type(None) not in get_args(kind):
            yield f"{path}.{name} is missing"
    if annotations and cls.__module__ != "stripe._list_object":
        yield from (f"{path}.{name} is unknown" for name in value if name not in annotations)


def _value(value: Any, kind: Any, path: str) -> typing.Iterator[str]:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        tried = [list(_value(value, option, path)) for option in get_args(kind)]
        if all(tried):
            yield min(tried, key=len)[0]
    elif origin is Literal:
        if value not in get_args(kind):
            yield f"{path} is {value!r}, not one of {get_args(kind)[:5]}"
    elif origin is list:
        yield from _each(value, get_args(kind)[0], path)
    else:
        yield from _single(value, origin or kind, path)


def _single(value: Any, kind: Any, path: str) -> typing.Iterator[str]:
    if isinstance(kind, ForwardRef):
        kind = getattr(stripe, kind.__forward_arg__.split(".")[-1], dict)
    if isinstance(kind, type) and issubclass(kind, stripe.StripeObject) and isinstance(value, dict):
        yield from _object(value, kind, path)
    elif not _is_plain(value, kind):
        yield f"{path} is {value!r:.40}, not {kind}"


def _each(value: Any, kind: Any, path: str) -> typing.Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} is not a list"
        return
    for position, item in enumerate(value):
        yield from _value(item, kind, f"{path}[{position}]")


def _is_plain(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if kind is decimal.Decimal:
        return isinstance(value, str)
    if kind is datetime.datetime:
        return isinstance(value, int)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(kind, type) and isinstance(value, kind)
