"""Every fact left once, arrived everywhere it is wanted, and nothing came from nowhere."""

import importlib
import inspect
import pkgutil

import services
from chassis.consumers import Consumers
from local.product import SERVICES
from tests.chaos.invariants.invariant import everywhere, seen
from tests.chaos.world import World


def reactions() -> list[tuple[str, str, str, bool]]:
    """(service, reaction, routing key, whether the inbox counts it) of every running reaction."""
    found = []
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.rpartition(".")[2] != "consumers":
            continue
        consumers = getattr(importlib.import_module(module.name), "consumers", None)
        if not isinstance(consumers, Consumers) or consumers.service not in SERVICES:
            continue
        for one in consumers.subscriptions:
            once = "session" in inspect.signature(one.reaction).parameters
            found.append((consumers.service, one.name, one.event.routing_key, once))
    return found


@seen("M2", "No fact waits to be published, except a letter that nobody running here reads")
async def published(world: World) -> list[str]:
    read = {routing_key for _, _, routing_key, _ in reactions()}
    query = "SELECT event_id, routing_key, is_private FROM outbox WHERE published_at IS NULL"
    return [
        f"{service} {row['routing_key']} {row['event_id']}"
        for service in SERVICES
        for row in await world.rows(service, query)
        if row["routing_key"] in read or not row["is_private"]
    ]


@seen("M4", "Every published fact has been handled by every reaction that happens once")
async def handled_everywhere(world: World) -> list[str]:
    missing = []
    for service, reaction, routing_key, once in reactions():
        if once:
            publisher = routing_key.partition(".")[0]
            sent = await world.column(
                publisher,
                f"""SELECT event_id FROM outbox WHERE routing_key = '{routing_key}'
                    AND created_at > '{world.ready_at.isoformat()}'""",
            )
            handled = await world.column(
                service, f"SELECT event_id FROM inbox WHERE reaction = '{reaction}'"
            )
            missing += [f"{reaction} {event_id}" for event_id in set(sent) - set(handled)]
    return missing


@seen("M5", "No reaction handled an event that nobody published")
async def no_ghosts(world: World) -> list[str]:
    sent: set[str] = set()
    for service in SERVICES:
        sent.update(await world.column(service, "SELECT event_id FROM outbox"))
    ghosts = []
    for service in SERVICES:
        handled = set(await world.column(service, "SELECT event_id FROM inbox"))
        ghosts += [f"{service} {event_id}" for event_id in handled - sent]
    return ghosts


MESSAGING = (
    published,
    everywhere(
        "M3",
        "Every event id was recorded once",
        "SELECT event_id FROM outbox GROUP BY 1 HAVING count(*) > 1",
    ),
    handled_everywhere,
    no_ghosts,
    everywhere(
        "M9",
        "A message names one workspace and the event it is",
        """SELECT event_id FROM outbox WHERE body IS NOT NULL
           AND (body->>'workspace_id' <> workspace_id::text
                OR body->>'event_id' <> event_id::text)""",
    ),
    everywhere(
        "M10",
        "A private note keeps no content once it is published, a public fact keeps all",
        """SELECT event_id FROM outbox
           WHERE published_at IS NOT NULL AND is_private <> (body IS NULL)""",
    ),
    everywhere(
        "M11",
        "Every fact says who acted",
        "SELECT event_id FROM outbox WHERE body IS NOT NULL AND body->'actor'->>'kind' IS NULL",
    ),
)
