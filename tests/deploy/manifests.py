"""The Kubernetes objects: as written in the base, and as each overlay renders them."""

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.deploy.repository import ROOT, SERVICES, WITH_DATABASE, load, parse

K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("local", "production")
SOURCES = ("base", *OVERLAYS)
RENDER_SECONDS = 60

NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"

Object = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """One of our Deployments: the service, and which of its processes."""

    service: str
    component: str

    def __str__(self) -> str:
        return self.service if self.component == "app" else f"{self.service}-{self.component}"


WORKLOADS = (
    *(Workload(service, "app") for service in SERVICES),
    *(Workload(service, "worker") for service in WITH_DATABASE),
    Workload("video", "renderer"),
)


@dataclass(frozen=True)
class Objects:
    """All objects of one source."""

    source: str
    every: tuple[Object, ...]

    def of(self, *kinds: str) -> list[Object]:
        return [each for each in self.every if each["kind"] in kinds]

    def named(self, kind: str, name: str) -> Object:
        found = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        assert len(found) == 1, f"{self.source}: {len(found)} {kind} {name}"
        return found[0]

    def selecting(self, kind: str, labels: dict[str, str]) -> list[Object]:
        """Those whose selector chooses a pod with these labels, for a narrower reason than all."""
        found = []
        for each in self.of(kind):
            spec = each["spec"]
            selector = spec.get("podSelector", spec.get("selector", {}))
            if chooses(selector, labels) and selector:
                found.append(each)
        return found


def chooses(selector: Object, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    among = [item for item in selector.get("matchExpressions", []) if item["operator"] == "In"]
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        labels.get(item["key"]) in item["values"] for item in among
    )


@cache
def objects_of(source: str) -> Objects:
    """The base as it lies in its files, or an overlay through `kubectl kustomize` (else a skip)."""
    if source == "base":
        listed = load(K8S / "base" / "kustomization.yaml")[0]["resources"]
        return Objects(source, tuple(_read("base", listed)))
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: overlays are not rendered")
    done = subprocess.run(
        [kubectl, "kustomize", str(K8S / "overlays" / source)],
        capture_output=True,
        text=True,
        timeout=RENDER_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Objects(source, tuple(parse(done.stdout)))


def _read(folder: str, files: Iterable[str]) -> Iterable[Object]:
    for name in files:
        yield from load(K8S / folder / name)


def deployment_of(source: str, workload: Workload) -> Object:
    return objects_of(source).named("Deployment", str(workload))


def pod_of(source: str, workload: Workload) -> Object:
    pod: Object = deployment_of(source, workload)["spec"]["template"]["spec"]
    return pod


def containers_of(pod: Object) -> list[Object]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def labels_of(source: str, workload: Workload) -> dict[str, str]:
    labels: dict[str, str] = deployment_of(source, workload)["spec"]["template"]["metadata"][
        "labels"
    ]
    return labels


def pods_of(source: str) -> list[Object]:
    """The template of every pod that may run, ours and the local servers'."""
    kinds = ("Deployment", "StatefulSet", "Job")
    return [each["spec"]["template"] for each in objects_of(source).of(*kinds)]
