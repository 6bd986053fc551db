"""Declares a service's queues before anything is published, as a part of its migration.

A fact told before a reader's queue exists never reaches that reader: on the first deployment every
service declares its queues before any of them opens its doors.
"""

import importlib
import pkgutil

import aio_pika

from chassis import topology
from chassis.consumers import Consumers

TIMEOUT_SECONDS = 10.0


def reactions_of(service: str) -> Consumers:
    """Every reaction in the service's `consumers` modules, whichever process runs it."""
    found = Consumers(service)
    package = importlib.import_module(f"services.{service}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.endswith(".consumers"):
            consumers = getattr(importlib.import_module(module.name), "consumers", None)
            if isinstance(consumers, Consumers):
                found.include(consumers)
    return found


async def declare_queues(service: str, rabbitmq_url: str) -> None:
    """Declare and bind the queue of each reaction; safe to repeat, refused when they differ."""
    reactions = reactions_of(service)
    async with await aio_pika.connect(rabbitmq_url, timeout=TIMEOUT_SECONDS) as connection:
        channel = await connection.channel()
        for one in reactions.subscriptions:
            await topology.declare_reaction(channel, one.name, one.event)
