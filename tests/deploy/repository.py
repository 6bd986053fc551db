"""What the files of `deploy/` are compared with: services, their settings, a made `.env`."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from chassis.settings import StorageSettings

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/settings.py"))
"""Every service of the architecture, the gateway included."""
WITH_DATABASE = [name for name in SERVICES if (ROOT / "services" / name / "migrations").is_dir()]

NOT_OURS = frozenset(
    {
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
        "FORWARDED_ALLOW_IPS",
    }
)
"""Read by OpenTelemetry and Uvicorn themselves."""


def settings_of(service: str) -> type[BaseSettings]:
    settings: type[BaseSettings] = importlib.import_module(f"services.{service}.settings").Settings
    return settings


def _sources(service: str) -> str:
    paths = (ROOT / "services" / service).rglob("*.py")
    return "\n".join(path.read_text() for path in paths)


def stores_media(service: str) -> bool:
    return "StorageSettings" in _sources(service)


def calls_out(service: str) -> bool:
    """Whether its code holds a client of somebody on the Internet."""
    clients = r"^(import|from) (aiohttp|fal_client|httpx|resend|stripe)\b"
    return stores_media(service) or bool(re.search(clients, _sources(service), re.MULTILINE))


def variables_of(service: str) -> dict[str, Any]:
    """Environment variable → field, of everything a process of the service may read."""
    return {
        f"{kind.model_config.get('env_prefix', '')}{name}".upper(): field
        for kind in (settings_of(service), StorageSettings)
        for name, field in kind.model_fields.items()
    }


def needed_by(service: str) -> set[str]:
    """The variables without which it does not start."""
    required = {name for name, field in variables_of(service).items() if field.is_required()}
    needless = {f"{service.upper()}_SERVICE"}
    if not stores_media(service):
        needless |= {name for name in required if name.startswith("STORAGE_")}
    return required - needless


def is_secret(field: Any) -> bool:
    return "SecretStr" in str(field.annotation) or field.annotation is SecretStr


def load(path: Path) -> list[Any]:
    """Every document of a YAML file."""
    return parse(path.read_text())


def parse(text: str) -> list[Any]:
    """Every document; by libyaml where PyYAML has it, in an eighth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [document for document in yaml.load_all(text, loader) if document]


def make_env(path: Path) -> dict[str, str]:
    """Runs `deploy/compose/make-env` and reads what it wrote as Compose does."""
    script = ROOT / "deploy" / "compose" / "make-env"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-S", "-E", str(script), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=environment)
    pairs = re.findall(r'^(\w+)="(.*)"$', path.read_text(), re.MULTILINE)
    return {name: value.replace("\\n", "\n") for name, value in pairs}


def interpolated(value: str, environment: dict[str, str]) -> str:
    """`${NAME:?otherwise}` replaced; a name the environment lacks is a KeyError."""
    return re.sub(r"\$\{(\w+):\?[^}]+\}", lambda match: environment[match[1]], value)
