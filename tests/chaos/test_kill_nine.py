"""T0 of the reliability plan: ten times `kill -9` in the main job, and its end is the same."""

import pytest

from tests.chaos.invariants import INVARIANTS
from tests.chaos.invariants.invariant import Invariant
from tests.chaos.job import AGENCIES, IMAGES, PROJECTS
from tests.chaos.kills import PROGRAMS
from tests.chaos.tier0 import KILLS, REST_WITHIN_SECONDS, Run
from tests.chaos.world import World

pytestmark = pytest.mark.timeout(240)


def test_every_process_was_killed_while_there_was_work(run: Run) -> None:
    assert len(run.killed) == KILLS
    assert {kill.program for kill in run.killed} == set(PROGRAMS)
    assert run.was_working


def test_everything_comes_to_rest_without_help(run: Run) -> None:
    assert run.problem == ""
    assert 0 < run.rest_seconds <= REST_WITHIN_SECONDS


async def test_the_whole_job_was_done(world: World) -> None:
    projects = AGENCIES * PROJECTS
    done = "SELECT count(*) FROM {} WHERE status = 'completed'"
    assert await world.column("imaging", done.format("project")) == [str(projects)]
    assert await world.column("imaging", done.format("image_generation")) == [
        str(projects * IMAGES)
    ]
    assert await world.column("video", done.format("video_project")) == ["2"]
    assert await world.column("billing", "SELECT status FROM invoice") == ["paid", "paid"]


def test_what_must_hold_at_all_times_held_during_the_kills(run: Run) -> None:
    assert run.seen_broken == {}


def test_vendors_did_deliver_twice(world: World) -> None:
    deliveries = [entry["request_id"] for entry in world.journal("fal", "webhook")]
    deliveries += [entry["event"] for entry in world.journal("stripe", "webhook")]
    assert len(deliveries) > len(set(deliveries))


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: f"{one.id}: {one.sentence}")
async def test_invariant_holds(world: World, invariant: Invariant) -> None:
    assert await invariant.check(world) == []
