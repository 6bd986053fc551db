"""A fact of one workspace that names another one's things changes nothing of theirs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any
from uuid import UUID

import aio_pika
import pytest

from chassis import topology
from chassis.messages import message_of
from contracts.billing import ProjectPaid
from contracts.event import Event
from tests.security.belongings import Ids
from tests.security.cast import Cast
from tests.security.records import sample
from tests.security.studio import Studio
from tests.security.test_object_swap import at_rest, rows_of

PUBLISHERS = ("identity", "imaging", "video", "billing", "affiliate")
NAMES = {
    "project_id": "unpaid",
    "billable_id": "unpaid",
    "image_id": "image",
    "version_id": "image",
    "video_id": "video",
    "clip_id": "clip",
    "payment_id": "payment",
    "invoice_id": "invoice",
    "source_id": "payment",
    "member_id": "member",
    "owner_id": "member",
    "referred_workspace_id": "workspace",
    "relationship_id": "relationship",
}
Tell = Callable[[Event], Any]


def every_fact() -> list[type[Event]]:
    modules = [import_module(f"contracts.{name}") for name in PUBLISHERS]
    found = {value for module in modules for value in vars(module).values() if _is_fact(value)}
    return sorted(found, key=lambda fact: fact.routing_key)


def _is_fact(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Event) and hasattr(value, "routing_key")


def about(fact: type[Event], ids: Ids, workspace_id: str, **more: Any) -> Event:
    """Such a fact of the workspace, about these things."""
    values = {name: _value(name, field.annotation, ids) for name, field in fields_of(fact)}
    return fact(workspace_id=UUID(workspace_id), **{**values, **more})


def fields_of(fact: type[Event]) -> list[tuple[str, Any]]:
    own = fact.model_fields.items()
    return [(name, field) for name, field in own if name not in Event.model_fields]


def _value(name: str, kind: Any, ids: Ids) -> Any:
    return UUID(ids[NAMES[name]]) if name in NAMES else sample(kind, name)


@asynccontextmanager
async def telling(studio: Studio) -> AsyncIterator[Tell]:
    """Publishes as a service does that has been taken over."""
    url = studio.environment("gateway")["GATEWAY_RABBITMQ_URL"]
    async with await aio_pika.connect(url, timeout=5) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(topology.EVENTS, ensure=False)

        async def tell(event: Event) -> None:
            body = event.model_dump(mode="json")
            source, key = event.routing_key.partition(".")[0], event.routing_key
            message = message_of(source=source, routing_key=key, body=body, trace={})
            await exchange.publish(message, key, timeout=5)

        yield tell


@pytest.fixture(scope="module")
async def victim(studio: Studio, cast: Cast) -> Ids:
    """Things of ours, one of them a project that only waits for its money."""
    fresh = await cast.ours.fresh("ready_project")
    return cast.ours.ids | {"unpaid": fresh["ready_project"]}


async def test_no_fact_of_another_workspace_changes_a_row_of_ours(
    studio: Studio, cast: Cast, victim: Ids
) -> None:
    impostor = await studio.sign_up("impostor")
    workspace_id = cast.ours.ids["workspace"]
    before = await at_rest(studio, workspace_id)
    facts = every_fact()
    assert len(facts) > 30
    async with telling(studio) as tell:
        for fact in facts:
            await tell(about(fact, victim, impostor.workspace_id))
        video = {"billable_kind": "video", "billable_id": UUID(victim["video"])}
        await tell(about(ProjectPaid, victim, impostor.workspace_id, **video))
    assert await at_rest(studio, workspace_id) == before


async def test_the_same_fact_of_our_own_workspace_does(
    studio: Studio, cast: Cast, victim: Ids
) -> None:
    """The control: it is heard, and believed about its own."""
    workspace_id = cast.ours.ids["workspace"]
    before = await rows_of(studio, workspace_id)
    async with telling(studio) as tell:
        await tell(about(ProjectPaid, victim, workspace_id))
    async with asyncio.timeout(20):
        while await rows_of(studio, workspace_id) == before:
            await asyncio.sleep(0.2)
