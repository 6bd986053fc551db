"""Paging by `Fiken-Api-*` headers and filters by equality and by date."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from local.vendors.fiken.books import FikenError, public
from local.vendors.store import Document

COMPARE = {
    "": lambda left, right: left == right,
    "Le": lambda left, right: left <= right,
    "Lt": lambda left, right: left < right,
    "Ge": lambda left, right: left >= right,
    "Gt": lambda left, right: left > right,
}
FIELDS = {"lastModified": "lastModifiedDate"}
PAGING = ("page", "pageSize", "sortBy")


@dataclass(frozen=True)
class Filters:
    """What a list can be asked: exact fields and dates with Le, Lt, Ge, Gt."""

    equal: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()

    def keep(self, found: Iterable[Document], query: Mapping[str, str]) -> list[Document]:
        """The documents all filters let through; raises 400 for a filter Fiken does not have."""
        dated = {f"{n}{way}": (FIELDS.get(n, n), way) for n in self.dates for way in COMPARE}
        kept = list(found)
        for name, wanted in query.items():
            if name in dated:
                field, way = dated[name]
                kept = [d for d in kept if COMPARE[way](d[field], wanted)]
            elif name in self.equal:
                kept = [d for d in kept if _text(d.get(name, d.get(f"_{name}"))) == wanted]
            elif name not in PAGING:
                raise FikenError(400, f"Unexpected query parameter {name}")
        return kept


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def page(found: list[Document], query: Mapping[str, str]) -> Response:
    """One page, in the order of creation unless `sortBy` says otherwise."""
    number = _number(query, "page", 0, least=0, most=2**31)
    size = _number(query, "pageSize", 25, least=1, most=100)
    shown = [public(d) for d in _sorted(found, query)[number * size : (number + 1) * size]]
    headers = {
        "Fiken-Api-Page": str(number),
        "Fiken-Api-Page-Size": str(size),
        "Fiken-Api-Page-Count": str(math.ceil(len(found) / size)),
        "Fiken-Api-Result-Count": str(len(found)),
    }
    return JSONResponse(shown, headers=headers)


def _sorted(found: list[Document], query: Mapping[str, str]) -> list[Document]:
    if "sortBy" not in query:
        return found
    field, _, direction = query["sortBy"].partition(" ")
    if field not in ("createdDate", "lastModified", "name") or direction not in ("asc", "desc"):
        raise FikenError(400, f"Cannot sort by {query['sortBy']}")
    name = FIELDS.get(field, field)
    return sorted(found, key=lambda d: str(d.get(name)), reverse=direction == "desc")


def _number(query: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    value = query.get(name, str(default))
    if not value.isdigit() or not least <= int(value) <= most:
        raise FikenError(400, f"{name} must be a number from {least} to {most}")
    return int(value)
