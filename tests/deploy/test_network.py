"""Who may talk to whom: the documented calls, the vendors by TLS, and nothing else."""

import re

import pytest

from tests.deploy import repository
from tests.deploy.manifests import NAME, Object, Objects, chooses, objects_of, pods_of
from tests.deploy.repository import ROOT, SERVICES, WITH_DATABASE


def destinations(policy: Object) -> set[str]:
    found = set()
    for allowed in policy["spec"].get("egress", []):
        for target in allowed["to"]:
            labels = target.get("podSelector", {}).get("matchLabels", {})
            found.add(labels.get(NAME, target.get("ipBlock", {}).get("cidr", "?")))
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_the_network_allows_what_the_architecture_says(service: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    row = re.search(rf"^\| `{service}` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    assert row is not None
    calls_out = bool(row[1].strip()) or repository.calls_out(service)
    policy = objects_of("base").named("NetworkPolicy", service)
    expected = {"rabbitmq", "otel-collector"}
    if service == "gateway":
        expected |= {"valkey", *WITH_DATABASE}
    else:
        expected |= {"postgres"} | ({"0.0.0.0/0"} if calls_out else set())
        (door,) = policy["spec"]["ingress"]
        assert door["from"] == [{"podSelector": {"matchLabels": {NAME: "gateway"}}}]
    assert destinations(policy) == expected


def test_the_internet_means_nothing_private() -> None:
    for each in objects_of("base").of("NetworkPolicy"):
        for allowed in each["spec"].get("egress", []):
            for target in allowed["to"]:
                if target.get("ipBlock", {}).get("cidr") == "0.0.0.0/0":
                    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}
                    assert private <= set(target["ipBlock"]["except"])
                    assert allowed["ports"] == [{"protocol": "TCP", "port": 443}]


def admits(objects: Objects, caller: dict[str, str], called: dict[str, str], port: int) -> bool:
    """Whether some policy of the called pod lets the caller in, or none closes it."""
    for policy in objects.selecting("NetworkPolicy", called):
        for door in policy["spec"].get("ingress", []):
            ports = {each["port"] for each in door["ports"]}
            peers = [
                each for each in door.get("from", [{"podSelector": {}}]) if "podSelector" in each
            ]
            if port in ports and any(chooses(peer["podSelector"], caller) for peer in peers):
                return True
    return False


def test_whoever_may_call_is_let_in() -> None:
    objects = objects_of("local")
    labels = [pod["metadata"]["labels"] for pod in pods_of("local")]
    calls = set()
    for caller in labels:
        for policy in objects.selecting("NetworkPolicy", caller):
            for allowed in policy["spec"].get("egress", []):
                for target in allowed["to"]:
                    if "podSelector" not in target:
                        continue
                    called = [each for each in labels if chooses(target["podSelector"], each)]
                    assert called, f"{caller[NAME]} may call {target}, which is nobody"
                    for port in allowed["ports"]:
                        calls.add((caller[NAME], called[0][NAME], port["port"]))
                        assert any(admits(objects, caller, each, port["port"]) for each in called)
    assert ("gateway", "imaging", 8000) in calls
    assert ("vendors", "gateway", 8000) in calls
    assert ("imaging", "billing", 8000) not in calls
