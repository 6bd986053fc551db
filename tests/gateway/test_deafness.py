"""The broker goes away, comes back, or has lost its log: live views and revocations go on."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

import aio_pika

from chassis import topology
from chassis.messages import message_of
from contracts.event import Event
from local.infrastructure import Servers
from local.infrastructure.brokers import drop_vhost, ensure_vhost
from tests.gateway.conftest import Gateway, Person, Publish, StartGateway, until
from tests.gateway.events import following, heard, ids_of, some_facts
from tests.gateway.serving import Cable


def _through(url: str, cable: Cable) -> str:
    """The broker's address by way of the cable, with the same account."""
    where = urlsplit(url)
    account = where.netloc.rpartition("@")[0]
    return urlunsplit(where._replace(netloc=f"{account}@127.0.0.1:{cable.port}"))


async def test_what_happens_while_the_broker_is_away_arrives_when_it_is_back(
    start_gateway: StartGateway, kari: Person, publish: Publish, vhost: str
) -> None:
    facts = some_facts(kari.workspace_id, 6)
    where = urlsplit(vhost)
    async with Cable(where.hostname or "", where.port or 5672).laid() as cable:
        through = _through(vhost, cable)
        async with (
            start_gateway(rabbitmq_url=through) as gateway,
            following(gateway, kari.session) as stream,
        ):
            listener = gateway.state.listener
            await publish(*facts[:2])
            await until(lambda: len(heard(stream)) == 2, 5)
            cable.cut()
            await until(lambda: not listener.hears(), 2)
            async with gateway.client(kari.session) as client:
                assert (await client.get("/v1/projects")).status_code == 200
            await publish(*facts[2:5])
            cable.mend()
            await until(listener.hears, 5)
            await publish(facts[5])
            await until(lambda: len(heard(stream)) == 6, 5)
    assert heard(stream) == ids_of(facts)


async def test_a_revocation_during_deafness_counts_after_a_second(
    start_gateway: StartGateway, gateway: Gateway, kari: Person, vhost: str
) -> None:
    where = urlsplit(vhost)
    async with Cable(where.hostname or "", where.port or 5672).laid() as cable:
        through = _through(vhost, cable)
        async with (
            start_gateway(rabbitmq_url=through) as deaf,
            deaf.client(kari.session) as client,
        ):
            assert (await client.get("/v1/projects")).status_code == 200
            cable.cut()
            await until(lambda: not deaf.state.listener.hears(), 2)
            async with gateway.client(kari.session) as elsewhere:
                await elsewhere.post("/v1/auth/sign-out")
            async with asyncio.timeout(1.5):
                while (await client.get("/v1/projects")).status_code != 401:
                    await asyncio.sleep(0.05)


async def test_a_log_that_was_lost_and_begins_anew_is_heard_again(
    start_gateway: StartGateway, kari: Person, servers: Servers, test_prefix: str
) -> None:
    name = f"{test_prefix}_log"
    url = ensure_vhost(servers, name)
    try:
        async with start_gateway(rabbitmq_url=url) as gateway:
            connection = await aio_pika.connect(url, timeout=5)
            channel = await connection.channel()
            exchange = await channel.get_exchange(topology.EVENTS, ensure=False)

            async def tell(*facts: Event) -> None:
                for fact in facts:
                    body = fact.model_dump(mode="json")
                    message = message_of(
                        source="test", routing_key=fact.routing_key, body=body, trace={}
                    )
                    await exchange.publish(message, fact.routing_key, timeout=5)

            async with following(gateway, kari.session) as stream:
                await tell(*some_facts(kari.workspace_id, 5))
                await until(lambda: len(heard(stream)) == 5, 5)
                await channel.queue_delete(topology.EVENT_LOG)
                await asyncio.wait_for(stream.ended.wait(), 12)
            await until(gateway.state.listener.hears, 5)
            async with following(gateway, kari.session, stream.last_id) as resumed:
                (fact,) = some_facts(kari.workspace_id, 1)
                await tell(fact)
                await until(lambda: len(heard(resumed)) == 1, 5)
            assert resumed.events[0] == "resync"
            assert heard(resumed) == ids_of([fact])
            await connection.close()
    finally:
        drop_vhost(servers, name)
