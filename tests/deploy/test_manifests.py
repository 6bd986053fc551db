"""The Kubernetes objects together: valid, admitted, released by digest, scaled, entered by TLS."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from tests.deploy import repository
from tests.deploy.manifests import (
    K8S,
    NAME,
    OVERLAYS,
    WORKLOADS,
    Object,
    containers_of,
    objects_of,
    pods_of,
)
from tests.deploy.repository import ROOT, SERVICES

OLDEST_CLUSTER, NEWEST_CLUSTER = "1.32", "1.37"


@pytest.mark.parametrize(
    ("source", "version"),
    [("base", NEWEST_CLUSTER), ("local", OLDEST_CLUSTER), ("production", NEWEST_CLUSTER)],
)
def test_every_object_fits_the_schema_of_its_kind(source: str, version: str) -> None:
    for each in lists_of(objects_of(source).every):
        kubernetes_validate.validate(each, version, strict=True)


def lists_of(objects: Iterable[Object]) -> list[Object]:
    """One list for each kind: the validator reads megabytes of schemas at every call."""
    kinds: dict[tuple[str, str], list[Object]] = {}
    for each in objects:
        if not each["apiVersion"].startswith("keda.sh/"):
            kinds.setdefault((each["apiVersion"], each["kind"]), []).append(each)
    return [
        {"apiVersion": version, "kind": f"{kind}List", "items": items}
        for (version, kind), items in kinds.items()
    ]


def test_the_schemas_refuse_a_field_nobody_knows() -> None:
    known = objects_of("base").named("Service", "imaging")
    unknown = {**known, "spec": {**known["spec"], "portz": []}}
    (services,) = lists_of([known, unknown])
    with pytest.raises(kubernetes_validate.ValidationError, match="portz"):
        kubernetes_validate.validate(services, NEWEST_CLUSTER, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_called_latest_or_left_without_a_tag(overlay: str) -> None:
    for pod in pods_of(overlay):
        for container in containers_of(pod["spec"]):
            assert re.search(r"@sha256:|:[\w.-]+$", container["image"])
            assert not container["image"].endswith(":latest")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_admitted_and_bounded(overlay: str) -> None:
    for pod in pods_of(overlay):
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False
        for container in containers_of(pod["spec"]):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_lives_in_one_namespace_that_admits_hardened_pods_only(overlay: str) -> None:
    objects = objects_of(overlay)
    labels = objects.named("Namespace", "ai-studio")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    rest = [each for each in objects.every if each["kind"] != "Namespace"]
    assert {each["metadata"].get("namespace") for each in rest} == {"ai-studio"}
    assert not objects.of("Secret")


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_leads_to_its_app(service: str) -> None:
    spec = objects_of("base").named("Service", service)["spec"]
    assert spec["selector"][NAME] == service
    assert spec["selector"]["app.kubernetes.io/component"] == "app"
    assert spec["ports"] == [{"name": "http", "port": 8000, "targetPort": "http"}]


def test_production_scales_apps_and_keeps_two_of_everything() -> None:
    objects = objects_of("production")
    for workload in WORKLOADS:
        deployment = objects.named("Deployment", str(workload))["spec"]
        if workload.component == "app":
            scaler = objects.named("HorizontalPodAutoscaler", workload.service)["spec"]
            assert scaler["scaleTargetRef"]["name"] == workload.service
            assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
            assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] <= 80
        if workload.component == "worker":
            assert deployment["replicas"] == 2
        else:
            assert "replicas" not in deployment, "an autoscaler owns the number"


def test_production_is_entered_by_tls_only() -> None:
    (ingress,) = objects_of("production").of("Ingress")
    (secured,) = ingress["spec"]["tls"]
    (routed,) = ingress["spec"]["rules"]
    assert secured["hosts"] == [routed["host"]]
    (path,) = routed["http"]["paths"]
    assert path["backend"]["service"] == {"name": "gateway", "port": {"name": "http"}}


@pytest.mark.parametrize("kustomization", sorted(ROOT.glob("deploy/**/kustomization.yaml")))
def test_every_listed_file_exists_and_every_patch_has_a_target(kustomization: Path) -> None:
    (content,) = repository.load(kustomization)
    here = kustomization.parent
    listed = [*content.get("resources", []), *content.get("components", [])]
    listed += [patch["path"] for patch in content.get("patches", [])]
    assert [name for name in listed if not (here / name).exists()] == []
    names = {each["metadata"]["name"] for each in objects_of("base").every}
    for patch in content.get("patches", []):
        (written,) = repository.load(here / patch["path"])
        wanted = patch.get("target", {}).get("name", written["metadata"]["name"])
        assert any(re.fullmatch(wanted, name) for name in names)


def test_a_release_pins_every_image_or_none(tmp_path: Path) -> None:
    shutil.copytree(K8S, tmp_path / "k8s")
    pinned = tmp_path / "k8s" / "overlays" / "production" / "images" / "kustomization.yaml"
    before = pinned.read_text()
    digests = [f"{service}=sha256:{number:064x}" for number, service in enumerate(SERVICES, 1)]
    command = [sys.executable, str(tmp_path / "k8s" / "pin-images"), "registry.example/team"]
    refused = subprocess.run([*command, *digests[1:]], capture_output=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert pinned.read_text() == before
    subprocess.run([*command, *digests], check=True, capture_output=True, timeout=30)
    (content,) = repository.load(pinned)
    assert {
        f"{image['name'].partition('/')[2]}={image['digest']}" for image in content["images"]
    } == set(digests)
