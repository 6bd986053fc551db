"""KEDA's part: renderers come with the work and go with it, never with a unit in hand."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from services.video.generation import consumers as generation
from services.video.rendering import consumers as rendering
from services.video.settings import Settings
from tests.deploy.manifests import SOURCES, Object, Workload, deployment_of, objects_of, pod_of
from tests.deploy.repository import ROOT, load

DEFINITIONS = ROOT.parent / "shared" / "data"
RENDERER = Workload("video", "renderer")
TRIGGER_FIELDS = {
    "activationValue",
    "excludeUnacknowledged",
    "mode",
    "protocol",
    "queueName",
    "value",
}
SCALER_FIELDS = {
    "advanced",
    "cooldownPeriod",
    "fallback",
    "maxReplicaCount",
    "minReplicaCount",
    "pollingInterval",
    "scaleTargetRef",
    "triggers",
}


def scaler_of(source: str) -> Object:
    spec: Object = objects_of(source).named("ScaledObject", "video-renderer")["spec"]
    return spec


@pytest.mark.parametrize("source", SOURCES)
def test_renderers_go_from_none_to_a_bound(source: str) -> None:
    scaler = scaler_of(source)
    assert scaler["scaleTargetRef"]["name"] == str(RENDERER)
    assert scaler["minReplicaCount"] == 0
    assert 2 <= scaler["maxReplicaCount"] <= 200
    assert scaler["fallback"]["replicas"] >= 1
    assert "replicas" not in deployment_of(source, RENDERER)["spec"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_unit_in_hand_counts_as_work(source: str) -> None:
    for trigger in scaler_of(source)["triggers"]:
        assert trigger["type"] == "rabbitmq"
        assert trigger["metadata"]["protocol"] == "http", "AMQP sees no unacknowledged messages"
        assert trigger["metadata"]["mode"] == "QueueLength"
        assert trigger["metadata"]["excludeUnacknowledged"] == "false"
        assert trigger["metadata"]["activationValue"] == "0"


def test_the_queues_are_those_that_renderers_consume() -> None:
    consumed = {subscription.name for subscription in rendering.consumers.subscriptions}
    triggers = scaler_of("base")["triggers"]
    assert {trigger["metadata"]["queueName"] for trigger in triggers} == consumed


def test_the_management_address_comes_from_a_secret() -> None:
    authentication = objects_of("base").named("TriggerAuthentication", "render-queues")["spec"]
    (reference,) = authentication["secretTargetRef"]
    assert reference == {"parameter": "host", "name": "render-queues", "key": "host"}
    for trigger in scaler_of("base")["triggers"]:
        assert trigger["authenticationRef"] == {"name": "render-queues"}
        assert "host" not in trigger["metadata"]


def test_only_fields_that_we_know_the_meaning_of_are_used() -> None:
    scaler = scaler_of("base")
    assert set(scaler) <= SCALER_FIELDS
    for trigger in scaler["triggers"]:
        assert set(trigger) == {"type", "name", "metricType", "metadata", "authenticationRef"}
        assert set(trigger["metadata"]) <= TRIGGER_FIELDS
        assert all(isinstance(value, str) for value in trigger["metadata"].values())


@pytest.mark.parametrize("source", SOURCES)
def test_renderers_need_no_gpu_and_their_scratch_is_bounded(source: str) -> None:
    pod = pod_of(source, RENDERER)
    (container,) = pod["containers"]
    assert not any("gpu" in name for name in container["resources"]["limits"])
    assert "runtimeClassName" not in pod
    assert "ephemeral-storage" in container["resources"]["limits"]
    scratch = next(volume for volume in pod["volumes"] if volume["name"] == "scratch")
    assert scratch["emptyDir"]["sizeLimit"] == "8Gi"


@pytest.mark.parametrize("source", SOURCES)
def test_a_worker_has_room_for_the_clips_it_fetches_at_once(source: str) -> None:
    keeping = {one.name: one for one in generation.consumers.subscriptions}
    most = Settings.model_fields["max_clip_bytes"].default
    at_once = keeping["video.keep_generated_clip"].prefetch
    pod = pod_of(source, Workload("video", "worker"))
    [tmp] = [volume for volume in pod["volumes"] if volume["name"] == "tmp"]
    assert tmp["emptyDir"]["sizeLimit"] == "1Gi"
    assert at_once is not None
    assert at_once * most <= 2**30


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["ScaledObject", "TriggerAuthentication"])
def test_kedas_own_definitions_accept_our_objects(source: str, kind: str) -> None:
    definition = DEFINITIONS / f"keda-{kind.lower()}-crd.yaml"
    if not definition.exists():
        pytest.skip(f"{definition.name} is not here; our own checks of the fields above ran")
    schema = schema_of(definition)
    for each in objects_of(source).of(kind):
        jsonschema.Draft202012Validator(schema).validate(each)
    unknown = {"apiVersion": "keda.sh/v1alpha1", "kind": kind, "spec": {"unknown": 1}}
    assert not jsonschema.Draft202012Validator(schema).is_valid(unknown)


def schema_of(definition: Path) -> Any:
    (content,) = load(definition)
    schema = content["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return closed({**schema, "properties": {**schema["properties"], "metadata": {}}})


def closed(schema: Any) -> Any:
    """The API server drops fields it does not know; we want to hear of them."""
    if not isinstance(schema, dict):
        return schema
    inner = {
        name: {key: closed(value) for key, value in part.items()}
        if name == "properties"
        else closed(part)
        for name, part in schema.items()
    }
    if "properties" in inner and "additionalProperties" not in inner:
        inner["additionalProperties"] = False
    return inner
