"""`make up`: the whole product on this machine, in one terminal, until Ctrl-C or `make down`."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chassis import migrations
from chassis.declare import declare_queues
from local.infrastructure import InfrastructureMissing, Servers, ensure_servers
from local.infrastructure.brokers import ensure_vhost
from local.infrastructure.place import password_for, run_directory
from local.product import ADMINISTRATOR, Options, Product, plan_product
from local.supervisor import Say, Supervisor, running

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Running:
    """The product while it runs."""

    product: Product
    servers: Servers
    rabbitmq_url: str
    supervisor: Supervisor


@asynccontextmanager
async def product_running(options: Options, say: Say, tell: Tell) -> AsyncIterator[Running]:
    """Servers, databases, migrations, vendors, services: ready inside the block, gone after it."""
    servers = await asyncio.to_thread(ensure_servers, tell)
    rabbitmq_url = await asyncio.to_thread(ensure_vhost, servers, options.prefix)
    tell("databases and migrations")
    product = await asyncio.to_thread(plan_product, servers, rabbitmq_url, options)
    with product.claims:
        await asyncio.to_thread(_migrate, product)
        for service in product.databases:
            await declare_queues(service, rabbitmq_url)
        tell("services")
        async with running(product.programs, say) as supervisor:
            await supervisor.until_ready(tell)
            yield Running(product, servers, rabbitmq_url, supervisor)


def _migrate(product: Product) -> None:
    # Alembic keeps its context in globals: one service after the other, in one thread.
    with ThreadPoolExecutor(1) as thread:
        for service, database in product.databases.items():
            thread.submit(migrations.upgrade, service, database.owner_url).result(timeout=60)


def default_options() -> Options:
    renderers = int(os.environ.get("RENDERERS", "1"))
    # Another clone, or this one with a fresh `.run`, may share the servers but not our secrets.
    prefix = f"aistudio_{password_for('prefix')[:8]}"
    return Options(state=run_directory() / "product", prefix=prefix, renderers=renderers)


def pid_file() -> Path:
    return run_directory() / "up.json"


async def main() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with product_running(default_options(), print, print) as up:
        record = {"pid": os.getpid(), "addresses": up.product.addresses}
        pid_file().write_text(json.dumps(record))
        try:
            print(_welcome(up), flush=True)
            await stop.wait()
        finally:
            pid_file().unlink(missing_ok=True)


def _welcome(up: Running) -> str:
    addresses = up.product.addresses
    lines = [
        "",
        f"AI Studio     {addresses['gateway']}        API docs at /docs, live facts at /v1/events",
        f"Administrator {ADMINISTRATOR}  password {up.product.administrator_password}",
        f"Fiken         {addresses['fiken']}        invoices, and a button that pays them",
        f"Mailbox       {addresses['resend']}",
        "Ctrl-C or `make down` stops everything.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except InfrastructureMissing as missing:
        sys.exit(str(missing))
