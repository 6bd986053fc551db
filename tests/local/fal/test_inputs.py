"""What fal's stand-in takes as input: the real models' parameters, checked as they check."""

import json
from pathlib import Path

import pytest

from local.vendors.fal.inputs import MODELS, parsed
from tests.support.fal import FILM, INPAINT, PHOTO

FACTS = Path(__file__).parents[4] / "shared" / "data" / "fal-models.json"
GOOD: dict[str, dict[str, object]] = {
    PHOTO: {"prompt": "x", "image_urls": ["u"]},
    INPAINT: {"prompt": "x", "image_url": "u", "mask_url": "u"},
    FILM: {"prompt": "x", "start_image_url": "u"},
}


@pytest.mark.parametrize(
    ("endpoint", "field", "value"),
    [
        (PHOTO, "resolution", "8K"),
        (PHOTO, "image_urls", []),
        (PHOTO, "num_images", 5),
        (INPAINT, "strength", 0),
        (INPAINT, "output_format", "webp"),
        (FILM, "duration", "7"),
        (FILM, "prompt", ""),
    ],
)
def test_a_value_out_of_range_is_located(endpoint: str, field: str, value: object) -> None:
    assert parsed(MODELS[endpoint], GOOD[endpoint])[1] == []
    asked, [detail] = parsed(MODELS[endpoint], GOOD[endpoint] | {field: value})
    assert asked is None
    assert detail["loc"] == ["body", field]


@pytest.mark.skipif(not FACTS.is_file(), reason="the models' facts are not on this machine")
@pytest.mark.parametrize("endpoint", [PHOTO, INPAINT, FILM])
def test_inputs_agree_with_what_is_known_of_the_real_models(endpoint: str) -> None:
    facts = next(f for f in json.loads(FACTS.read_text()) if f["endpoint_id"] == endpoint)
    schema = MODELS[endpoint].takes.model_json_schema()
    assert set(schema["required"]) == set(facts["inputs"]["required"])
    for name, ours in schema["properties"].items():
        theirs = facts["inputs"]["parameters"][name]
        assert ours.get("default") == theirs.get("default")
        assert set(ours.get("enum", [])) == set(theirs.get("enum", []))
