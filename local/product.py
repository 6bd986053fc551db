"""The product's processes on one machine, and the environment each of them gets."""

import json
import os
import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

from chassis.testing import make_key_pair
from local.infrastructure import Servers, find_ffmpeg
from local.infrastructure.databases import ServiceDatabase, ensure_databases
from local.infrastructure.ports import HOST, Claims

SERVICES = ("identity", "imaging", "video", "billing", "affiliate", "notifications")
VENDORS = ("fal", "stripe", "fiken", "resend", "s3")
GATEWAY_PORT = 8080
SERVICE_PORT = 8101
VENDOR_PORT = 8201
BUCKET = "media"
FAL_USER = "ai-studio"
ADMINISTRATOR = "administrator@ai-studio.example"


@dataclass(frozen=True)
class Options:
    """What differs between `make up`, the demo and a chaos run."""

    state: Path
    prefix: str
    renderers: int = 1
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """One process to keep running; ready when its address answers `/health/ready` with 200."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    ready_url: str | None = None


@dataclass(frozen=True)
class Product:
    """Everything needed to start the product and to talk to it."""

    programs: tuple[Program, ...]
    addresses: dict[str, str]
    databases: dict[str, ServiceDatabase]
    administrator_password: str
    claims: Claims
    """On its ports, to be released when it has ended: a service that restarts finds its own."""


def plan_product(servers: Servers, rabbitmq_url: str, options: Options) -> Product:
    """Make databases, keys and ports; the programs are listed in the order they start."""
    options.state.mkdir(parents=True, exist_ok=True)
    databases = ensure_databases(servers.postgres_url, options.prefix, SERVICES)
    secret = _Secrets.load(options.state / "secrets.json")
    claims = Claims()
    ports = _choose_ports(claims)
    addresses = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    environment = _Environment(rabbitmq_url, databases, secret, ports, addresses, options)
    programs = [environment.vendors()]
    programs += [environment.service(name) for name in SERVICES]
    programs += [environment.renderer(number) for number in range(1, options.renderers + 1)]
    programs.append(environment.gateway())
    return Product(tuple(programs), addresses, databases, secret.administrator_password, claims)


def _choose_ports(claims: Claims) -> dict[str, int]:
    ports = {"gateway": claims.port(int(os.environ.get("PORT", GATEWAY_PORT)))}
    for offset, name in enumerate(SERVICES):
        ports[name] = claims.port(SERVICE_PORT + offset)
    for offset, name in enumerate(VENDORS):
        ports[name] = claims.port(VENDOR_PORT + offset)
    return ports


@dataclass(frozen=True)
class _Secrets:
    """Made once per state directory, readable by its owner only."""

    private_key: str
    public_key: str
    administrator_password: str
    fal_key: str
    stripe_key: str
    stripe_webhook_secret: str
    fiken_token: str
    storage_access_key: str
    storage_secret_key: str
    # With defaults: a state directory from before there was mail has none of them.
    resend_key: str = field(default_factory=lambda: f"re_{secrets.token_hex(16)}")
    resend_webhook_secret: str = field(default_factory=lambda: _webhook_secret())

    @classmethod
    def load(cls, path: Path) -> "_Secrets":
        if not path.exists():
            pair = make_key_pair()
            made = cls(
                pair.private_key,
                pair.public_key,
                secrets.token_urlsafe(16),
                f"{secrets.token_hex(8)}:{secrets.token_hex(16)}",
                f"sk_test_{secrets.token_hex(16)}",
                f"whsec_{secrets.token_hex(16)}",
                secrets.token_hex(16),
                secrets.token_hex(10),
                secrets.token_hex(20),
            )
            path.touch(mode=0o600)
            path.write_text(json.dumps(made.__dict__))
        return cls(**json.loads(path.read_text()))


def _webhook_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"


@dataclass(frozen=True)
class _Environment:
    """Writes down, program by program, what design and README call its settings."""

    rabbitmq_url: str
    databases: dict[str, ServiceDatabase]
    secret: _Secrets
    ports: dict[str, int]
    addresses: dict[str, str]
    options: Options

    def vendors(self) -> Program:
        environment = {
            "VENDORS_STATE": str(self.options.state / "vendors"),
            "VENDORS_FAL_USER_ID": FAL_USER,
            "VENDORS_FAL_API_KEY": self.secret.fal_key,
            "VENDORS_STRIPE_API_KEY": self.secret.stripe_key,
            "VENDORS_STRIPE_WEBHOOK_URL": f"{self.addresses['gateway']}/webhooks/stripe",
            "VENDORS_STRIPE_WEBHOOK_SECRET": self.secret.stripe_webhook_secret,
            "VENDORS_FIKEN_TOKEN": self.secret.fiken_token,
            "VENDORS_RESEND_API_KEY": self.secret.resend_key,
            "VENDORS_RESEND_WEBHOOK_URL": f"{self.addresses['gateway']}/webhooks/resend",
            "VENDORS_RESEND_WEBHOOK_SECRET": self.secret.resend_webhook_secret,
            "VENDORS_S3_ACCESS_KEY": self.secret.storage_access_key,
            "VENDORS_S3_SECRET_KEY": self.secret.storage_secret_key,
            "VENDORS_S3_BUCKETS": json.dumps([BUCKET]),
            **{f"{name.upper()}_PORT": str(self.ports[name]) for name in VENDORS},
        }
        return self._program("vendors", ("-m", "local.vendors"), environment)

    def service(self, name: str) -> Program:
        environment = self._common(name) | getattr(self, f"_{name}")()
        environment[f"{name.upper()}_WORKER_IN_APP"] = "true"
        return self._served(name, environment)

    def renderer(self, number: int) -> Program:
        environment = self._common("video") | self._video()
        return self._program(f"renderer-{number}", ("-m", "services.video.renderer"), environment)

    def gateway(self) -> Program:
        environment = {
            "GATEWAY_RABBITMQ_URL": self.rabbitmq_url,
            "GATEWAY_CALLER_SIGNING_KEY": self.secret.private_key,
            "GATEWAY_LOG_AS_JSON": "false",
            "GATEWAY_SECURE_COOKIES": "false",
            **{f"GATEWAY_{name.upper()}_URL": self.addresses[name] for name in SERVICES},
        }
        return self._served("gateway", environment)

    def _served(self, name: str, environment: dict[str, str]) -> Program:
        arguments = (
            *("-m", "uvicorn", f"services.{name}.app:create_app", "--factory"),
            *("--host", "127.0.0.1", "--port", str(self.ports[name])),
            *("--http", "chassis.server:Protocol"),
            # Nothing stands in front of us here: nobody may claim another address.
            *(
                "--no-access-log",
                "--no-proxy-headers",
                "--log-level",
                "warning",
                "--timeout-graceful-shutdown",
                "5",
            ),
        )
        ready = f"{self.addresses[name]}/health/ready"
        return self._program(name, arguments, environment, ready)

    def _program(
        self,
        name: str,
        arguments: tuple[str, ...],
        environment: dict[str, str],
        ready_url: str | None = None,
    ) -> Program:
        mine = {"PYTHONUNBUFFERED": "1", **environment, **self.options.extra}
        return Program(name, arguments, mine, ready_url)

    def _common(self, name: str) -> dict[str, str]:
        prefix = name.upper()
        return {
            f"{prefix}_DATABASE_URL": self.databases[name].url,
            f"{prefix}_RABBITMQ_URL": self.rabbitmq_url,
            f"{prefix}_CALLER_PUBLIC_KEY": self.secret.public_key,
            f"{prefix}_LOG_AS_JSON": "false",
            "STORAGE_ENDPOINT_URL": self.addresses["s3"],
            "STORAGE_BUCKET": BUCKET,
            "STORAGE_ACCESS_KEY": self.secret.storage_access_key,
            "STORAGE_SECRET_KEY": self.secret.storage_secret_key,
        }

    def _fal(self, prefix: str) -> dict[str, str]:
        fal = self.addresses["fal"]
        return {
            f"{prefix}_FAL_KEY": self.secret.fal_key,
            f"{prefix}_FAL_QUEUE_URL": fal,
            f"{prefix}_FAL_JWKS_URL": f"{fal}/.well-known/jwks.json",
            f"{prefix}_FAL_MEDIA_HOSTS": json.dumps([fal.removeprefix("http://")]),
            f"{prefix}_WEBHOOK_BASE_URL": self.addresses["gateway"],
        }

    def _identity(self) -> dict[str, str]:
        return {
            "IDENTITY_BOOTSTRAP_ADMIN_EMAIL": ADMINISTRATOR,
            "IDENTITY_BOOTSTRAP_ADMIN_PASSWORD": self.secret.administrator_password,
            "IDENTITY_SECURE_COOKIES": "false",
            "IDENTITY_API_KEY_KIND": "sandbox",
            "IDENTITY_SIGN_UP_SIGNS_IN": "true",
            "IDENTITY_PUBLIC_URL": self.addresses["gateway"],
        }

    def _imaging(self) -> dict[str, str]:
        return self._fal("IMAGING") | {"IMAGING_FAL_USER_ID": FAL_USER}

    def _video(self) -> dict[str, str]:
        return self._fal("VIDEO") | {
            "VIDEO_FAL_USER_ID": FAL_USER,
            "VIDEO_FFMPEG": str(find_ffmpeg().ffmpeg),
            "VIDEO_RENDERER_IN_APP": "false",
        }

    def _billing(self) -> dict[str, str]:
        return {
            "BILLING_STRIPE_API_KEY": self.secret.stripe_key,
            "BILLING_STRIPE_API_URL": self.addresses["stripe"],
            "BILLING_STRIPE_WEBHOOK_SECRET": self.secret.stripe_webhook_secret,
            "BILLING_FIKEN_TOKEN": self.secret.fiken_token,
            "BILLING_FIKEN_URL": f"{self.addresses['fiken']}/api/v2",
            "BILLING_FIKEN_COMPANY": "studio-as",
            "BILLING_FIKEN_SYNC_SECONDS": "2",
            "BILLING_PUBLIC_URL": self.addresses["gateway"],
        }

    def _affiliate(self) -> dict[str, str]:
        return {}

    def _notifications(self) -> dict[str, str]:
        return {
            "NOTIFICATIONS_RESEND_URL": self.addresses["resend"],
            "NOTIFICATIONS_RESEND_API_KEY": self.secret.resend_key,
            "NOTIFICATIONS_RESEND_WEBHOOK_SECRET": self.secret.resend_webhook_secret,
            "NOTIFICATIONS_PUBLIC_URL": self.addresses["gateway"],
        }
