"""KEDA's numbers in the manifests are those that the simulation recommends."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.scale.simulation import (
    BUSY_FILMS_PER_HOUR,
    LONGEST_P95_SECONDS,
    Scaler,
    Units,
    bound,
    recommend,
    simulate,
)

KUBERNETES = Path(__file__).parents[2] / "deploy" / "k8s"


@pytest.fixture(scope="module")
def recommended() -> Scaler:
    return recommend(Units())


def scaler_in(path: Path) -> dict[str, Any]:
    spec: dict[str, Any] = next(
        each["spec"]
        for each in yaml.safe_load_all(path.read_text())
        if each and each["kind"] == "ScaledObject"
    )
    return spec


def test_notes_per_renderer_are_the_recommended_ones(recommended: Scaler) -> None:
    spec = scaler_in(KUBERNETES / "base" / "video.yaml")
    each = {trigger["name"]: int(trigger["metadata"]["value"]) for trigger in spec["triggers"]}
    wanted = {"segments": recommended.segments_each, "films": recommended.films_each}
    assert each == wanted
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] == recommended.down_window_seconds
    assert spec["cooldownPeriod"] == recommended.cooldown_seconds


def test_bounds_are_the_recommended_ones(recommended: Scaler) -> None:
    base = scaler_in(KUBERNETES / "base" / "video.yaml")
    assert base["maxReplicaCount"] == bound(Units(), BUSY_FILMS_PER_HOUR)
    production = KUBERNETES / "overlays" / "production" / "many-renderers.yaml"
    assert scaler_in(production)["maxReplicaCount"] == recommended.most


@pytest.mark.parametrize("rate", [10, 100, 1_000])
def test_owners_wait_seconds_whatever_the_rate(recommended: Scaler, rate: int) -> None:
    outcome = simulate(Units(), recommended, rate, 7_200)
    assert outcome.p95_seconds <= 1.2 * LONGEST_P95_SECONDS
    assert outcome.median_seconds < 10


def test_too_few_renderers_are_seen_as_such() -> None:
    starved = simulate(Units(), Scaler(3, 1, 2), 1_000, 1_800)
    assert starved.p95_seconds > 300
