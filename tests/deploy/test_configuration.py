"""What pods are told: settings their service knows, and secrets only by reference."""

import importlib.machinery
import importlib.util
import json
import re
import sys
from typing import Any

import pytest

from chassis.caller import sign, verify
from chassis.settings import ServiceSettings
from deploy.credentials import make_credentials
from local.vendors.server import VendorsSettings
from tests.deploy import repository
from tests.deploy.manifests import (
    K8S,
    OVERLAYS,
    SOURCES,
    WORKLOADS,
    Object,
    Workload,
    objects_of,
    pod_of,
    pods_of,
)
from tests.deploy.repository import SERVICES, WITH_DATABASE
from tests.support.services import make_caller

LOCAL_SERVERS = {"postgres", "databases", "rabbitmq", "vendors", "grafana"}


def _script(name: str) -> Any:
    loader = importlib.machinery.SourceFileLoader(name, str(K8S / name.replace("_", "-")))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


@pytest.fixture(scope="module")
def secrets() -> dict[str, dict[str, str]]:
    made: dict[str, dict[str, str]] = _script("make_secrets").all_secrets(make_credentials())
    return made


def configured(overlay: str, pod: Object, secrets: dict[str, dict[str, str]]) -> dict[str, str]:
    """The environment of a pod's main container, from its ConfigMaps, Secrets and literals."""
    environment: dict[str, str] = {}
    (container,) = pod["containers"]
    for reference in container["envFrom"]:
        if "secretRef" in reference:
            environment |= secrets[reference["secretRef"]["name"]]
        else:
            name = reference["configMapRef"]["name"]
            environment |= objects_of(overlay).named("ConfigMap", name)["data"]
    return environment | {each["name"]: each["value"] for each in container.get("env", [])}


@pytest.mark.parametrize("workload", WORKLOADS, ids=str)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_settings_are_known_complete_and_valid(
    overlay: str,
    workload: Workload,
    secrets: dict[str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = configured(overlay, pod_of(overlay, workload), secrets)
    fields = repository.variables_of(workload.service)
    assert set(environment) <= fields.keys() | repository.NOT_OURS
    assert repository.needed_by(workload.service) <= set(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings: Any = repository.settings_of(workload.service)()
    if workload.service != "gateway":
        assert settings.host == "0.0.0.0"
        stopping = settings.graceful_stop_seconds + 5
        assert stopping < pod_of(overlay, workload)["terminationGracePeriodSeconds"]
    if workload.component == "renderer":
        assert settings.renderer_port == 8000
        assert settings.render_deadline_seconds < settings.render_unit_seconds
        assert settings.render_unit_seconds <= settings.graceful_stop_seconds


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_is_in_a_configmap(overlay: str) -> None:
    fields = {
        name: field
        for service in SERVICES
        for name, field in repository.variables_of(service).items()
    }
    for each in objects_of(overlay).of("ConfigMap"):
        secret = [name for name in each["data"] if name in fields and _secret(fields[name])]
        assert secret == []


def _secret(field: Any) -> bool:
    return repository.is_secret(field)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("service", WITH_DATABASE)
def test_only_the_migration_knows_the_owner(source: str, service: str) -> None:
    for workload in WORKLOADS:
        pod = pod_of(source, workload)
        (container,) = pod["containers"]
        assert "-owner" not in json.dumps(container.get("envFrom", []) + container.get("env", []))
    for component in ("app", "worker"):
        (migration,) = pod_of(source, Workload(service, component))["initContainers"]
        (variable,) = migration["env"]
        assert migration["args"] == ["migrate"]
        assert variable["name"] == f"{service.upper()}_OWNER_DATABASE_URL"
        assert variable["valueFrom"]["secretKeyRef"]["name"] == f"{service}-owner"


def test_secrets_hold_what_is_referred_to(secrets: dict[str, dict[str, str]]) -> None:
    referred = set()
    for each in objects_of("base").of("Deployment"):
        text = json.dumps(each)
        referred |= set(re.findall(r'"secretRef": \{"name": "([\w-]+)"', text))
        referred |= set(re.findall(r'"secretKeyRef": \{"name": "([\w-]+)"', text))
    assert referred | {"render-queues"} == set(secrets) - LOCAL_SERVERS
    key = secrets["gateway"]["GATEWAY_CALLER_SIGNING_KEY"]
    for service in WITH_DATABASE:
        public = secrets[service][f"{service.upper()}_CALLER_PUBLIC_KEY"]
        token = sign(make_caller(), key, service=service)
        settings = ServiceSettings.model_construct(service=service, caller_public_key=public)
        assert verify(token, settings).role == "owner"


def test_references_of_the_local_servers_lead_somewhere(secrets: dict[str, dict[str, str]]) -> None:
    for pod in pods_of("local"):
        text = json.dumps(pod)
        for name, key in re.findall(r'"secretKeyRef": {"key": "(\w+)", "name": "([\w-]+)"}', text):
            assert name in secrets[key]
        for name in re.findall(r'"secretRef": {"name": "([\w-]+)"}', text):
            assert name in secrets


def test_the_stand_ins_know_their_variables(secrets: dict[str, dict[str, str]]) -> None:
    (container,) = objects_of("local").named("Deployment", "vendors")["spec"]["template"]["spec"][
        "containers"
    ]
    told = {each["name"] for each in container["env"]} | set(secrets["vendors"])
    known = {
        str(alias).upper()
        for name, field in VendorsSettings.model_fields.items()
        for alias in getattr(field.validation_alias, "choices", [f"VENDORS_{name}"])
    }
    assert told <= known
