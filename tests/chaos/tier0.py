"""One T0 run: the job, the kills, the vendors' duplicates, and the rest afterwards."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from local.up import Running
from tests.chaos.invariants import INVARIANTS
from tests.chaos.job import Job
from tests.chaos.kills import Kill, kill_all, plan_kills
from tests.chaos.quiet import unrest, until_quiet
from tests.chaos.world import World

KILLS = 10
FIRST_KILL_SECONDS, LAST_KILL_SECONDS = 3.0, 30.0
SPREAD_SECONDS = 18.0
REST_WITHIN_SECONDS = 90.0
DUPLICATES = {"operation": "webhook", "kind": "duplicate", "times": None, "probability": 0.2}
WATCH_SECONDS = 5.0
ALWAYS = ("M3", "M9", "I1", "G1", "B1", "B2", "B3", "B6", "A2", "A4")
"""True after every commit, not only at rest."""

SOON = {
    # How long a lost answer is waited for; minutes in production, seconds here.
    "IMAGING_SUBMIT_TIMEOUT_SECONDS": "3",
    "IMAGING_UNKNOWN_GRACE_SECONDS": "4",
    "IMAGING_ASK_AFTER_SECONDS": "5",
    "IMAGING_NOTE_AGAIN_AFTER_SECONDS": "5",
    "IMAGING_SWEEP_SECONDS": "1",
    # Two kills may hit the same image.
    "IMAGING_MOST_AMBIGUOUS_RESUBMISSIONS": "3",
    "VIDEO_UNKNOWN_OUTCOME_SECONDS": "10",
    "BILLING_RECONCILE_SECONDS": "3",
    "BILLING_RECONCILE_AFTER_SECONDS": "5",
    # Twelve projects of four members within a minute, and each call again after a kill.
    "GATEWAY_CALLS_PER_MINUTE": '{"free": 5000, "pro": 5000, "enterprise": 5000}',
}


@dataclass
class Run:
    """What happened, for the verdict and for whoever wants it again."""

    seed: int
    killed: list[Kill] = field(default_factory=list)
    job_seconds: float = 0.0
    rest_seconds: float = 0.0
    """From the last kill until nothing moved any more."""
    was_working: bool = False
    """Whether the job was still under way when the last process was killed."""
    repeated_calls: int = 0
    seen_broken: dict[str, list[str]] = field(default_factory=dict)
    problem: str = ""
    """Why the job did not end or something still moved; empty when all went well."""

    def summary(self) -> list[str]:
        killed = ", ".join(f"{kill.program} at {kill.at_seconds:.1f} s" for kill in self.killed)
        return [
            f"chaos T0, seed {self.seed}: {len(self.killed)} kills ({killed})",
            f"job {self.job_seconds:.1f} s, at rest {self.rest_seconds:.1f} s after the last kill,"
            f" {self.repeated_calls} calls repeated{self.problem and ': ' + self.problem}",
        ]


async def run_tier0(
    up: Running, world: World, seed: int, tell: Callable[[str], None] = lambda _: None
) -> Run:
    """What happened; a job that does not end leaves the run with a problem, not the checks out."""
    run = Run(seed)
    loop = asyncio.get_running_loop()
    await deliver_twice(up)
    began = loop.time()
    job = Job(up, random.Random(seed), SPREAD_SECONDS, world.acknowledged)
    working = asyncio.create_task(job.run())
    watching = asyncio.create_task(_watch(world, run))
    try:
        plan = plan_kills(seed, KILLS, FIRST_KILL_SECONDS, LAST_KILL_SECONDS)
        run.killed = await kill_all(plan, up.supervisor)
        last_kill = loop.time()
        run.was_working = not working.done()
        await _stop(watching)
        await asyncio.wait_for(working, REST_WITHIN_SECONDS)
        run.job_seconds = loop.time() - began
        left = REST_WITHIN_SECONDS - (loop.time() - last_kill)
        await until_quiet(lambda: unrest(world, up.rabbitmq_url), left)
        run.rest_seconds = loop.time() - last_kill
    except Exception as error:
        run.problem = f"{error!r} {getattr(error, 'exceptions', '')}"
    finally:
        run.repeated_calls = job.repeated
        await _stop(watching)
        await _stop(working)
        for line in run.summary():
            tell(line)
    return run


async def deliver_twice(up: Running) -> None:
    """Every fifth webhook of fal and Stripe comes twice."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as control:
        for vendor in ("fal", "stripe"):
            address = f"{up.product.addresses[vendor]}/_faults"
            (await control.put(address, json=[DUPLICATES])).raise_for_status()


async def _watch(world: World, run: Run) -> None:
    while True:
        for one in INVARIANTS:
            if one.id in ALWAYS and (offenders := await one.check(world)):
                run.seen_broken[one.id] = offenders[:10]
        await asyncio.sleep(WATCH_SECONDS)


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task
