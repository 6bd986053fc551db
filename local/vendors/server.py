"""Runs the stand-ins in one process: a port each, one state directory, one way to stop."""

import asyncio
import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Generator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Literal

import uvicorn
from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette

from local.vendors.control import StandIn

Vendor = Literal["fal", "stripe", "fiken", "resend", "s3"]
NAMES: dict[Vendor, str] = {
    "fal": "FalSettings",
    "stripe": "StripeSettings",
    "fiken": "FikenSettings",
    "resend": "ResendSettings",
    "s3": "S3Settings",
}
START_SECONDS = 30.0
STOP_SECONDS = 2.8


def _port(vendor: str) -> Any:
    names = AliasChoices(f"{vendor.upper()}_PORT", f"{vendor}_port")
    return Field(default=0, ge=0, le=65535, validation_alias=names)


class VendorsSettings(BaseSettings):
    """What the stand-ins are told, e.g. `S3_PORT`, `VENDORS_STATE`, `VENDORS_STRIPE_API_KEY`."""

    model_config = SettingsConfigDict(env_prefix="VENDORS_", extra="ignore")

    state: Path = Path(".run/vendors")
    host: str = "127.0.0.1"
    public_host: str | None = Field(default=None, description="Where clients find us, if not host.")
    names: list[Vendor] = Field(default=list(NAMES), description="Which stand-ins run.")

    fal_port: int = _port("fal")
    stripe_port: int = _port("stripe")
    fiken_port: int = _port("fiken")
    resend_port: int = _port("resend")
    s3_port: int = _port("s3")

    fal_api_key: str = "fal-local:secret"
    fal_user_id: str = "studio"
    fal_workers: int = 2
    fal_max_short_side: int = 1080
    fal_max_long_side: int = 4096
    stripe_api_key: str = "sk_test_local"
    stripe_webhook_url: str | None = None
    stripe_webhook_secret: str = "whsec_local"  # noqa: S105 - of a stand-in
    fiken_token: str = "fiken-local"  # noqa: S105 - of a stand-in
    fiken_company_slug: str = "studio-as"
    resend_api_key: str = "re_local"
    resend_webhook_url: str | None = None
    resend_webhook_secret: str = "whsec_bG9jYWwtcmVzZW5kLXNlY3JldA=="  # noqa: S105 - of a stand-in
    s3_access_key: str = "local-access-key"
    s3_secret_key: str = "local-secret-key"  # noqa: S105 - of a stand-in
    s3_buckets: list[str] = ["media"]
    s3_cors_origins: list[str] = ["*"]

    def of(self, vendor: str) -> dict[str, Any]:
        """The settings of one vendor by its own names, its port left out."""
        values = self.model_dump()
        return {
            name.removeprefix(f"{vendor}_"): value
            for name, value in values.items()
            if name.startswith(f"{vendor}_") and name != f"{vendor}_port"
        }


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to whoever runs several of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@dataclass
class RunningVendors:
    """Stand-ins that answer: where they are, and how to stop them."""

    addresses: dict[str, str]
    stand_ins: dict[str, StandIn]
    _file: Path
    _lock: IO[str]
    _servers: list[_Server] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def stop(self) -> None:
        """Finish what is being answered, at most about 3 seconds, and free the ports."""
        self._file.unlink(missing_ok=True)
        for server in self._servers:
            server.should_exit = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lock.close()

    async def failed(self) -> None:
        """Return when a server ends by itself, which none should."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)


async def start_vendors(settings: VendorsSettings) -> RunningVendors:
    """Start the stand-ins and return when all answer; raises when one cannot start."""
    settings.state.mkdir(parents=True, exist_ok=True)
    addresses_file = settings.state / "addresses.json"
    running = RunningVendors({}, {}, addresses_file, _locked(settings.state / "lock"))
    addresses_file.unlink(missing_ok=True)
    try:
        for name in settings.names:
            _start(name, settings, running)
        async with asyncio.timeout(START_SECONDS):
            await asyncio.gather(*(_answers(*pair) for pair in _pairs(running)))
    except BaseException:
        await running.stop()
        raise
    temporary = addresses_file.with_suffix(".new")
    temporary.write_text(json.dumps(running.addresses, indent=2))
    os.replace(temporary, addresses_file)
    return running


def _locked(path: Path) -> IO[str]:
    """Two processes over one state directory would lose each other's writes."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RuntimeError(f"vendors already run on {path.parent}") from None
    return file


def _start(name: Vendor, settings: VendorsSettings, running: RunningVendors) -> None:
    listener = socket.create_server((settings.host, getattr(settings, f"{name}_port")))
    port = listener.getsockname()[1]
    address = f"http://{settings.public_host or settings.host}:{port}"
    stand_in = StandIn(name, settings.state / name, address)
    # No access log: a presigned URL in it would be a key lying about.
    config = uvicorn.Config(
        _app(name, stand_in, settings),
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    server = _Server(config)
    running.addresses[name] = address
    running.stand_ins[name] = stand_in
    running._servers.append(server)
    running._tasks.append(asyncio.create_task(server.serve([listener]), name=f"vendor-{name}"))


def _app(name: Vendor, stand_in: StandIn, settings: VendorsSettings) -> Starlette:
    module = import_module(f"local.vendors.{name}.app")
    own_settings = getattr(module, NAMES[name])(**settings.of(name))
    app: Starlette = module.create_app(stand_in, own_settings)
    return app


def _pairs(running: RunningVendors) -> list[tuple[_Server, asyncio.Task[None]]]:
    return list(zip(running._servers, running._tasks, strict=True))


async def _answers(server: _Server, task: asyncio.Task[None]) -> None:
    while not server.started:
        if task.done():
            raise RuntimeError(f"{task.get_name()} ended while starting")
        await asyncio.sleep(0.01)
