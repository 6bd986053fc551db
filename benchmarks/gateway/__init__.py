"""The gateway beside nginx and beside the services called directly, each in the same run."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.figures import Figure, at_least, at_most, median, skipped
from benchmarks.gateway import nginx
from benchmarks.gateway.house import BARE, House, opened
from benchmarks.gateway.load import Load, keep_to, press
from benchmarks.gateway.streams import measure_streams
from chassis import caller as caller_token

ROUNDS = 3
SERVICE_ROUNDS = 15
"""More of them, since the two rates lie closer to each other than one round to the next."""
CONNECTIONS = 32
MANY_CONNECTIONS = 200
PLAIN = "/v1/videos"
"""A route that the gateway of this run passes to nginx's fixed answer."""
SERVICE = "/v1/projects"
"""Imaging's: verifies the caller token and reads the database."""


@dataclass(frozen=True)
class Target:
    """One address under load; `processes` are those whose processor time is told."""

    name: str
    url: str
    processes: tuple[str, ...] = ()
    with_token: bool = False


async def run() -> list[Figure]:
    """Rows against performance.md §3; medians of interleaved rounds."""
    reason = nginx.missing()
    if reason is not None:
        return [skipped("gateway beside nginx", reason)]
    async with opened() as house:
        asked = house.nginx.questions()
        plain = await _rounds(house, _plain_targets(house), (CONNECTIONS, 1))
        with _imaging_apart(house):
            service = await _rounds(house, _service_targets(house), (CONNECTIONS,), SERVICE_ROUNDS)
        many = await press(
            house.addresses["gateway"] + PLAIN,
            _headers(house, False),
            connections=MANY_CONNECTIONS,
            seconds=5,
        )
        through = [
            loads for (name, _), loads in (*plain.items(), *service.items()) if "gateway" in name
        ]
        calls = sum(load.requests for loads in through for load in loads) + many.requests
        hits = 100 * (1 - (house.nginx.questions() - asked) / calls)
        return [
            *_proxy_figures(plain),
            *_service_figures(service),
            at_most(f"errors at {MANY_CONNECTIONS} connections", many.errors, "requests", 0),
            at_least("caller known without asking identity", hits, "%", 99),
            *await measure_streams(house),
        ]


@contextmanager
def _imaging_apart(house: House) -> Iterator[None]:
    """Imaging alone on one core, wrk and the gateway on the others: so it is imaging that is full.

    Otherwise a small machine is full first, and the ratio tells what share of it wrk takes.
    """
    imaging, others = house.pid("imaging"), (os.getpid(), house.pid("gateway"))
    cores = os.sched_getaffinity(0)
    alone = {min(cores)}
    keep_to(alone, imaging)
    for pid in others:
        keep_to((cores - alone) or cores, pid)
    try:
        yield
    finally:
        for pid in (imaging, *others):
            keep_to(cores, pid)


def _plain_targets(house: House) -> list[Target]:
    running = house.supervisor.supervised
    gateways = [name for name in running if name == BARE or name.startswith("gateway")]
    return [
        Target("upstream", house.nginx.upstream + PLAIN),
        Target("nginx", house.nginx.proxy + PLAIN),
        *(Target(name, house.addresses[name] + PLAIN, (name,)) for name in gateways),
    ]


def _service_targets(house: House) -> list[Target]:
    return [
        Target("direct", house.addresses["imaging"] + SERVICE, ("imaging",), with_token=True),
        Target("gateway", house.addresses["gateway"] + SERVICE, ("imaging", "gateway")),
    ]


Loads = dict[tuple[str, int], list[Load]]


async def _rounds(
    house: House, targets: Sequence[Target], connections: Sequence[int], rounds: int = ROUNDS
) -> Loads:
    loads: Loads = defaultdict(list)
    for target in targets:
        await press(target.url, _headers(house, target.with_token), connections=8, seconds=1)
    for number in range(rounds):
        # Turned round each time, so that a machine that slows down favours nobody.
        for target in reversed(targets) if number % 2 else targets:
            for count in connections:
                pids = [house.pid(process) for process in target.processes]
                headers = _headers(house, target.with_token)
                load = await press(target.url, headers, connections=count, seconds=3, pids=pids)
                loads[target.name, count].append(load)
    return loads


def _headers(house: House, with_token: bool) -> list[str]:
    if not with_token:
        return [f"cookie: session={person.session}" for person in house.people]
    tokens = [
        caller_token.sign(person.caller, house.signing_key, service="imaging")
        for person in house.people
    ]
    return [f"authorization: Bearer {token}" for token in tokens]


def _proxy_figures(loads: Loads) -> list[Figure]:
    nginx_rate = _rate(loads["nginx", CONNECTIONS])
    alone = _p50(loads["upstream", 1])
    figures = [
        Figure("upstream itself", _rate(loads["upstream", CONNECTIONS]), "requests/s"),
        Figure("nginx in front of it", nginx_rate, "requests/s"),
        Figure("noise: nginx's slowest round, of its fastest", _steadiness(loads), "×"),
        Figure("nginx in front of it, added p50", _p50(loads["nginx", 1]) - alone, "µs"),
        Figure(f"{BARE}, of nginx's throughput", _rate(loads[BARE, CONNECTIONS]) / nginx_rate, "×"),
        Figure(f"{BARE}, processor time a request", _cpu(loads[BARE, CONNECTIONS]), "µs"),
        Figure(f"{BARE}, added p50", _p50(loads[BARE, 1]) - alone, "µs"),
    ]
    figures += _beside_bare(loads, alone)
    for name in dict.fromkeys(name for name, _ in loads if name.startswith("gateway")):
        rate = _rate(loads[name, CONNECTIONS])
        cpu = _cpu(loads[name, CONNECTIONS])
        added = _p50(loads[name, 1]) - alone
        figures += [
            Figure(name, rate, "requests/s"),
            at_least(f"{name}, of nginx's throughput", rate / nginx_rate, "×", 0.25),
            at_most(f"{name}, processor time a request", cpu, "µs", 90),
            at_most(f"{name}, added p50", added, "µs", 150),
        ]
    return figures


def _beside_bare(loads: Loads, alone: float) -> list[Figure]:
    """What a slow machine leaves standing: the microseconds of the goals are those of one on which
    the bare proxy takes 78 and adds 170.
    """
    cpu = _cpu(loads["gateway", CONNECTIONS]) / _cpu(loads[BARE, CONNECTIONS])
    added = (_p50(loads["gateway", 1]) - alone) / (_p50(loads[BARE, 1]) - alone)
    return [
        at_most("gateway's processor time, of the bare proxy's", cpu, "×", round(90 / 78, 2)),
        at_most("gateway's added p50, of the bare proxy's", added, "×", round(150 / 170, 2)),
    ]


def _service_figures(loads: Loads) -> list[Figure]:
    """Who is full: imaging takes about a whole core either way, the gateway little of another."""
    direct, through = (loads[name, CONNECTIONS] for name in ("direct", "gateway"))
    alone = median([load.shares[0] for load in direct])
    behind, gateway = (median([load.shares[place] for load in through]) for place in (0, 1))
    shares = [one.rate / other.rate for one, other in zip(through, direct, strict=True)]
    return [
        Figure("imaging called directly", _rate(direct), "requests/s"),
        Figure("imaging's processor then", alone, "cores"),
        Figure("imaging's processor behind the gateway", behind, "cores"),
        Figure("the gateway's processor in front of it", gateway, "cores"),
        at_least("imaging through the gateway, of that", median(shares), "×", 0.95),
    ]


def _steadiness(loads: Loads) -> float:
    rates = [load.rate for load in loads["nginx", CONNECTIONS]]
    return min(rates) / max(rates)


def _rate(loads: Sequence[Load]) -> float:
    return median([load.rate for load in loads])


def _cpu(loads: Sequence[Load]) -> float:
    return median([load.cpu[0] for load in loads])


def _p50(loads: Sequence[Load]) -> float:
    return median([load.p50 for load in loads])
