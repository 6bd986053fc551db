"""docker-compose.yml: the whole product, settings its services know, and no door too many."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.caller import sign, verify
from chassis.settings import StorageSettings
from local.vendors.server import VendorsSettings
from tests.deploy import repository
from tests.deploy.repository import ROOT, SERVICES, WITH_DATABASE
from tests.support.services import make_caller

PARTS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]
SECRET_WORDS = re.compile(r"(PASSWORD|SECRET|TOKEN|_KEY|_PASS)$")
ROLES = {"app": 40, "worker": 60, "renderer": 330, "migrate": 0}
"""What a part of ours may do, and the seconds it needs to stop at least."""

OURS = {
    name: part["build"]["args"]["SERVICE"]
    for name, part in PARTS.items()
    if "SERVICE" in part.get("build", {}).get("args", {})
}
"""Part → service."""


@pytest.fixture(scope="module")
def made_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return repository.make_env(tmp_path_factory.mktemp("env") / ".env")


def roles_of(service: str) -> set[str]:
    return {PARTS[name]["command"][0] for name, owner in OURS.items() if owner == service}


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_every_service_has_app_worker_and_migration(service: str) -> None:
    renders = {"renderer"} if service == "video" else set()
    assert roles_of(service) == {"app", "worker", "migrate"} | renders


def test_the_gateway_only_serves() -> None:
    assert roles_of("gateway") == {"app"}
    assert set(OURS.values()) == set(SERVICES)


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_a_setting_of_the_service(name: str) -> None:
    environment = set(PARTS[name]["environment"])
    assert environment <= repository.variables_of(OURS[name]).keys() | repository.NOT_OURS
    if PARTS[name]["command"] != ["migrate"]:
        assert repository.needed_by(OURS[name]) <= environment


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_are_complete_and_valid(
    service: str, made_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PARTS[service]["environment"].items():
        monkeypatch.setenv(name, repository.interpolated(value, made_env))
    settings: Any = repository.settings_of(service)()
    if repository.stores_media(service):
        StorageSettings()
    assert settings.service == service
    if service != "gateway":
        token = sign(make_caller(), made_env["CALLER_SIGNING_KEY"], service=service)
        assert verify(token, settings).role == "owner"
        assert settings.host == "0.0.0.0"


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_only_the_migration_knows_the_owner(service: str) -> None:
    variable = f"{service.upper()}_OWNER_DATABASE_URL"
    knowing = {name for name, part in PARTS.items() if variable in part.get("environment", {})}
    assert knowing == {f"migrate-{service}"}
    assert set(PARTS[f"migrate-{service}"]["environment"]) == {variable}


def test_the_stand_ins_know_their_variables() -> None:
    known = {
        str(alias).upper()
        for name, field in VendorsSettings.model_fields.items()
        for alias in getattr(field.validation_alias, "choices", [f"VENDORS_{name}"])
    }
    assert set(PARTS["vendors"]["environment"]) <= known


def test_no_secret_is_written_down(made_env: dict[str, str]) -> None:
    for name, part in PARTS.items():
        fields = repository.variables_of(OURS[name]) if name in OURS else {}
        for variable, value in part.get("environment", {}).items():
            field = fields.get(variable)
            if SECRET_WORDS.search(variable) or (field and repository.is_secret(field)):
                assert "${" in value, f"{name}: {variable}"
            assert "://" not in value or re.search(r":[^/$@]+@", value) is None


def test_compose_refuses_to_start_without_credentials(made_env: dict[str, str]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text))
    refused = set(re.findall(r"\$\{(\w+):\?run deploy/compose/make-env\}", text))
    assert asked == refused == set(made_env)


def test_only_doors_for_people_are_published_and_only_here() -> None:
    published = {name: part["ports"] for name, part in PARTS.items() if "ports" in part}
    assert set(published) == {"gateway", "vendors", "grafana"}
    for ports in published.values():
        assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


def test_data_stores_are_reachable_from_inside_only() -> None:
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]
    outside = {name for name, network in networks.items() if not network.get("internal")}
    assert outside == {"public"}
    public = {name for name, part in PARTS.items() if "public" in part["networks"]}
    assert public == {"gateway", "vendors", "grafana"}


@pytest.mark.parametrize("name", sorted(PARTS))
def test_every_part_is_bounded(name: str) -> None:
    limits = PARTS[name]["deploy"]["resources"]["limits"]
    assert limits["memory"]
    assert float(limits["cpus"]) > 0
    assert "max-size" in PARTS[name]["logging"]["options"]
    assert "no-new-privileges:true" in PARTS[name]["security_opt"]
    assert not PARTS[name].get("privileged")
    assert "container_name" not in PARTS[name]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_parts_are_hardened_and_stop_gracefully(name: str) -> None:
    part = PARTS[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    role = part["command"][0]
    grace = int(part.get("stop_grace_period", "0s").removesuffix("s"))
    assert grace >= ROLES[role]
    if role != "migrate":
        assert part["healthcheck"]["test"] == ["CMD", "ready"]
        if OURS[name] in WITH_DATABASE:
            migrated = part["depends_on"][f"migrate-{OURS[name]}"]
            assert migrated == {"condition": "service_completed_successfully"}


def test_renderers_can_be_scaled() -> None:
    renderer = PARTS["renderer"]
    assert "ports" not in renderer
    assert renderer["volumes"] == ["/scratch"], "a volume of each one's own"
    assert renderer["environment"]["VIDEO_SCRATCH_DIR"] == "/scratch"
    assert renderer["environment"]["VIDEO_RENDERER_PORT"] == "8000"


@pytest.mark.parametrize("name", sorted(PARTS))
def test_what_is_waited_for_can_become_so(name: str) -> None:
    for awaited, wait in PARTS[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in PARTS[awaited]


@pytest.mark.parametrize("name", sorted(PARTS))
def test_images_and_mounted_files_are_named_exactly(name: str) -> None:
    tag = PARTS[name]["image"].partition(":")[2]
    assert tag
    assert tag != "latest"
    for volume in PARTS[name].get("volumes", []):
        if volume.startswith("./"):
            source = Path(volume.split(":")[0])
            assert (ROOT / source).is_file()
            assert volume.endswith(":ro")
