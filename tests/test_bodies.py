"""Request bodies take what their published schemas say, and nothing that only looks like it."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

import pytest
from fastapi import APIRouter
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from chassis.bodies import NOT_TEXT, Body
from tests.test_architecture import ROOT, sources

# What schemas must not take: JSON's numbers and texts where a boolean or a whole number is meant.
LOOKALIKES: dict[type, list[Any]] = {bool: [0, 1, "true", 0.0], int: ["5", True, "5.0"]}
# Texts that look acceptable until they are stripped, stored or shown.
ODD_TEXTS = (
    "",
    "   ",
    "\u00a0" * 9,
    "a\0bcdefgh",
    "\tabcdefgh",
    "ab\ncdefgh",
    "abc\x7fdefg",
    "x" * 20_000,
)


def bodies_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from bodies_of(field.annotation)
    for part in get_args(annotation):
        yield from bodies_of(part)


def every_body() -> list[type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for path in sources("services"):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        routers = [value for value in vars(module).values() if isinstance(value, APIRouter)]
        for route in (route for router in routers for route in router.routes):
            field = getattr(route, "body_field", None)
            for body in bodies_of(field.field_info.annotation) if field else ():
                found[f"{body.__module__}.{body.__name__}"] = body
    return [found[name] for name in sorted(found)]


BODIES = every_body()


def scalars(annotation: Any) -> set[type]:
    """Which of bool and int a field may hold, through unions, Annotated and Literal."""
    parts = get_args(annotation)
    if not parts:
        return {annotation} & set(LOOKALIKES) if inspect.isclass(annotation) else set()
    return set().union(*(scalars(p) or {type(p)} & set(LOOKALIKES) for p in parts))


def accepts(value: TypeAdapter[Any], wrong: Any) -> bool:
    try:
        value.validate_python(wrong)
    except ValidationError:
        return False
    return True


def test_lax_numbers_and_booleans_would_be_seen() -> None:
    assert accepts(TypeAdapter(bool), 0)
    assert accepts(TypeAdapter(int), "5")
    assert accepts(TypeAdapter(Literal[False]), 0)
    assert scalars(int | None) == {int}
    assert scalars(Annotated[Literal[False], "noted"]) == {bool}


def test_a_whole_number_is_one_however_json_writes_it() -> None:
    whole = TypeAdapter[int](Annotated[int, Field(ge=1, le=9), NOT_TEXT])
    assert [whole.validate_json(text) for text in ("5", "5.0", "5e0")] == [5, 5, 5]
    assert not [wrong for wrong in (5.5, 0, 10, float("inf"), None) if accepts(whole, wrong)]
    assert whole.json_schema() == {"type": "integer", "minimum": 1, "maximum": 9}


def test_bodies_are_found() -> None:
    assert len(BODIES) > 40


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_body_refuses_unknown_fields_and_lookalikes(body: type[BaseModel]) -> None:
    assert issubclass(body, Body)
    assert body.model_config["extra"] == "forbid"
    for name, field in body.model_fields.items():
        value = TypeAdapter[Any](field.rebuild_annotation())
        taken = [wrong for kind in scalars(field.annotation) for wrong in LOOKALIKES[kind]]
        assert [wrong for wrong in taken if accepts(value, wrong)] == [], name


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_text_is_refused_for_what_the_published_schema_says(body: type[BaseModel]) -> None:
    """A format, as of an address, says more than its schema spells out."""
    published = body.model_json_schema()
    for name, field in body.model_fields.items():
        schema = published["properties"][name] | {"$defs": published.get("$defs", {})}
        value = TypeAdapter[Any](field.rebuild_annotation())
        allowed = [t for t in ODD_TEXTS if Draft202012Validator(schema).is_valid(t)]
        if "format" not in str(schema):
            assert [text for text in allowed if not accepts(value, text)] == [], name
