"""Facts stay readable: names, schemas, golden samples and the refusal to break a reader."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from contracts.compatibility import breaking_changes
from contracts.event import Event
from contracts.facts import FACTS, publisher_of
from local import schemas

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(FACTS)


def schema_on_disk(routing_key: str) -> dict[str, object]:
    text = (schemas.SCHEMAS / f"{routing_key}.json").read_text()
    schema: dict[str, object] = json.loads(text)
    return schema


def test_generated_files_say_what_the_code_says() -> None:
    assert schemas.stale() == []


def test_the_facts_the_user_named_are_there() -> None:
    named = {fact.__name__ for fact in FACTS.values()}
    assert {"ProjectPaid", "ImageCompleted", "ClipsCompiled", "InvoicePaid"} <= named


@pytest.mark.parametrize("routing_key", NAMES)
def test_routing_key_names_publisher_fact_and_version(routing_key: str) -> None:
    publisher, name, version = routing_key.split(".")
    fact = FACTS[routing_key]
    assert publisher == publisher_of(fact)
    assert name.replace("_", "") == fact.__name__.lower()
    assert version.startswith("v")
    assert version[1:].isdigit()


@pytest.mark.parametrize("routing_key", NAMES)
def test_golden_sample_still_reads_and_writes_the_same(routing_key: str) -> None:
    sample = json.loads((GOLDEN / f"{routing_key}.json").read_text())
    event = FACTS[routing_key].model_validate(sample)
    written = event.model_dump(mode="json")
    assert {name: written[name] for name in sample} == sample


@pytest.mark.parametrize("routing_key", NAMES)
def test_golden_sample_fits_the_published_schema(routing_key: str) -> None:
    sample = json.loads((GOLDEN / f"{routing_key}.json").read_text())
    jsonschema.validate(sample, schema_on_disk(routing_key))


@pytest.mark.parametrize("routing_key", NAMES)
def test_reader_ignores_fields_it_does_not_know(routing_key: str) -> None:
    sample = json.loads((GOLDEN / f"{routing_key}.json").read_text())
    assert isinstance(FACTS[routing_key].model_validate({**sample, "added_later": 1}), Event)


@pytest.mark.parametrize("routing_key", NAMES)
def test_removing_any_field_breaks_readers(routing_key: str) -> None:
    released = schema_on_disk(routing_key)
    assert breaking_changes(released, released) == []
    properties = released["properties"]
    assert isinstance(properties, dict)
    for name in properties:
        changed = copy.deepcopy(released)
        del changed["properties"][name]  # type: ignore[attr-defined]
        assert breaking_changes(released, changed) == [f"{name} is gone"]


def test_changing_a_type_or_widening_an_enum_breaks_readers() -> None:
    released = schema_on_disk("billing.project_paid.v1")
    text = json.dumps(released)
    other_type = json.loads(text)
    other_type["properties"]["amount_minor_units"]["type"] = "string"
    assert breaking_changes(released, other_type) == ["amount_minor_units may now be ['string']"]
    wider = json.loads(text)
    wider["properties"]["method"]["enum"].append("barter")
    assert breaking_changes(released, wider) == ["method may now be 'barter'"]


def test_an_optional_new_field_breaks_nobody() -> None:
    released = schema_on_disk("billing.project_paid.v1")
    grown = copy.deepcopy(released)
    grown["properties"]["coupon"] = {"type": "string"}  # type: ignore[index]
    assert breaking_changes(released, grown) == []


def test_a_field_inside_a_list_is_compared_too() -> None:
    released = schema_on_disk("video.clips_compiled.v1")
    changed = copy.deepcopy(released)
    del changed["$defs"]["FilmFile"]["properties"]["sha256"]  # type: ignore[index]
    gone = [f"{name}[].sha256 is gone" for name in ("branded_outputs", "outputs")]
    assert breaking_changes(released, changed) == gone
