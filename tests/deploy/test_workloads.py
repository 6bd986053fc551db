"""Every process of ours keeps every rule of a hardened, graceful workload, in base and overlays."""

import re
from collections.abc import Callable

import pytest

from tests.deploy.manifests import (
    COMPONENT,
    NAME,
    SOURCES,
    WORKLOADS,
    Object,
    Workload,
    containers_of,
    deployment_of,
    labels_of,
    objects_of,
    pod_of,
)

Rule = Callable[[str, Workload], None]
RULES: list[Rule] = []
IMAGES = {
    "base": r"ai-studio/{}",
    "local": r"ai-studio/{}:local",
    "production": r"registry\.example/ai-studio/{}@sha256:[0-9a-f]{{64}}",
}
GRACE_SECONDS = {"app": 45, "worker": 60, "renderer": 330}
PRE_STOP_SECONDS = 5


def rule(check: Rule) -> Rule:
    RULES.append(check)
    return check


def probe(source: str, workload: Workload, name: str) -> Object:
    (container,) = pod_of(source, workload)["containers"]
    asked: Object = container[f"{name}Probe"]
    assert asked["timeoutSeconds"] <= 5
    assert asked["httpGet"]["port"] == "http"
    assert container["ports"] == [{"name": "http", "containerPort": 8000}]
    return asked


@rule
def image_is_pinned(source: str, workload: Workload) -> None:
    for container in containers_of(pod_of(source, workload)):
        assert re.fullmatch(IMAGES[source].format(workload.service), container["image"])


@rule
def runs_as_a_numbered_nobody(source: str, workload: Workload) -> None:
    context = pod_of(source, workload)["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["runAsGroup"] == context["fsGroup"] == 10001


@rule
def root_filesystem_is_read_only(source: str, workload: Workload) -> None:
    for container in containers_of(pod_of(source, workload)):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


@rule
def gains_no_privileges(source: str, workload: Workload) -> None:
    for container in containers_of(pod_of(source, workload)):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert "privileged" not in container["securityContext"]


@rule
def drops_every_capability(source: str, workload: Workload) -> None:
    for container in containers_of(pod_of(source, workload)):
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@rule
def seccomp_profile_is_the_runtimes(source: str, workload: Workload) -> None:
    assert pod_of(source, workload)["securityContext"]["seccompProfile"] == {
        "type": "RuntimeDefault"
    }


@rule
def shares_nothing_with_the_node(source: str, workload: Workload) -> None:
    pod = pod_of(source, workload)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert not any("hostPath" in volume for volume in pod["volumes"])
    ports = [port for each in containers_of(pod) for port in each.get("ports", [])]
    assert not any("hostPort" in port for port in ports)


@rule
def has_an_account_of_its_own_without_a_token(source: str, workload: Workload) -> None:
    pod = pod_of(source, workload)
    assert pod["serviceAccountName"] == workload.service
    assert pod["automountServiceAccountToken"] is False
    account = objects_of(source).named("ServiceAccount", workload.service)
    assert account["automountServiceAccountToken"] is False


@rule
def asks_for_what_it_needs_and_is_bounded(source: str, workload: Workload) -> None:
    for container in containers_of(pod_of(source, workload)):
        for bound in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][bound])


@rule
def liveness_asks_nobody_else(source: str, workload: Workload) -> None:
    assert probe(source, workload, "liveness")["httpGet"]["path"] == "/health/live"


@rule
def readiness_knows_within_ten_seconds(source: str, workload: Workload) -> None:
    asked = probe(source, workload, "readiness")
    assert asked["httpGet"]["path"] == "/health/ready"
    assert asked["periodSeconds"] * asked["failureThreshold"] <= 10


@rule
def a_slow_start_is_not_a_death(source: str, workload: Workload) -> None:
    asked = probe(source, workload, "startup")
    assert asked["httpGet"]["path"] == "/health/live"
    assert asked["periodSeconds"] * asked["failureThreshold"] >= 60


@rule
def leaves_gracefully(source: str, workload: Workload) -> None:
    pod = pod_of(source, workload)
    (container,) = pod["containers"]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}}
    assert pod["terminationGracePeriodSeconds"] >= GRACE_SECONDS[workload.component]


@rule
def rolls_without_a_gap(source: str, workload: Workload) -> None:
    strategy = deployment_of(source, workload)["spec"]["strategy"]
    assert strategy["type"] == "RollingUpdate"
    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


@rule
def spreads_over_zones_and_nodes(source: str, workload: Workload) -> None:
    spread = pod_of(source, workload)["topologySpreadConstraints"]
    keys = {each["topologyKey"] for each in spread}
    assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    mine = {NAME: workload.service, COMPONENT: workload.component}
    assert all(each["labelSelector"]["matchLabels"] == mine for each in spread)


@rule
def is_disrupted_one_at_a_time(source: str, workload: Workload) -> None:
    (budget,) = objects_of(source).selecting("PodDisruptionBudget", labels_of(source, workload))
    assert budget["spec"]["maxUnavailable"] == 1


@rule
def secrets_come_by_reference(source: str, workload: Workload) -> None:
    for container in containers_of(pod_of(source, workload)):
        for variable in container.get("env", []):
            literal = str(variable.get("value", ""))
            assert literal.isdigit() or "secretKeyRef" in variable["valueFrom"]
        for reference in container.get("envFrom", []):
            assert set(reference) <= {"secretRef", "configMapRef"}


@rule
def network_is_closed_but_for_what_is_named(source: str, workload: Workload) -> None:
    default = objects_of(source).named("NetworkPolicy", "default-deny")["spec"]
    assert default == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    labels = labels_of(source, workload)
    names = [
        each["metadata"]["name"] for each in objects_of(source).selecting("NetworkPolicy", labels)
    ]
    assert workload.service in names


@rule
def writes_only_where_it_is_bounded(source: str, workload: Workload) -> None:
    pod = pod_of(source, workload)
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"])
    (container,) = pod["containers"]
    places = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert places == ({"/tmp", "/scratch"} if workload.component == "renderer" else {"/tmp"})


@rule
def service_links_do_not_pose_as_settings(source: str, workload: Workload) -> None:
    assert pod_of(source, workload)["enableServiceLinks"] is False


@rule
def selects_its_own_pods(source: str, workload: Workload) -> None:
    selector = deployment_of(source, workload)["spec"]["selector"]["matchLabels"]
    assert selector == {NAME: workload.service, COMPONENT: workload.component}
    assert selector.items() <= labels_of(source, workload).items()


@rule
def does_its_part(source: str, workload: Workload) -> None:
    (container,) = pod_of(source, workload)["containers"]
    assert container["args"] == [workload.component]


@pytest.mark.parametrize("check", RULES, ids=lambda check: check.__name__)
@pytest.mark.parametrize("workload", WORKLOADS, ids=str)
@pytest.mark.parametrize("source", SOURCES)
def test_workload(source: str, workload: Workload, check: Rule) -> None:
    check(source, workload)


def test_every_deployment_of_ours_is_checked() -> None:
    found = {each["metadata"]["name"] for each in objects_of("base").of("Deployment")}
    assert found == set(map(str, WORKLOADS))
