"""What a film costs is told beforehand: never too little, and no more than still may be taken."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.vendors.faults import Fault
from services.video.generation.rules import Part, set_state, state_of
from services.video.states import BEING_MADE
from services.video.tables import Attempt, VideoClip, VideoProject
from services.video.videos import rules
from tests.video.bench import Bench

OUTCOMES = ("made", "broken", "refused", "silent")


@dataclass
class Film:
    """A film on paper: its clips, what was submitted, and what its owner was told."""

    clips: list[VideoClip]
    with_audio: bool
    attempts: list[Attempt] = field(default_factory=list)
    estimated: int = 0

    def costs(self) -> rules.Costs:
        """As the service counts: what was once told is never taken back."""
        costs = rules.costs_of(
            self.clips, self.attempts, with_audio=self.with_audio, planned=self.estimated
        )
        self.estimated = costs.estimated
        return costs

    def cents(self, clip: VideoClip, part: Part) -> int:
        if part == "transition":
            return rules.cents_of(rules.TRANSITION_SECONDS, False)
        return rules.cents_of(clip.duration_seconds, self.with_audio)

    def open(self) -> Iterator[tuple[VideoClip, Part]]:
        for clip in self.clips:
            for part in ("clip", "transition"):
                if state_of(clip, part) in BEING_MADE:
                    yield clip, part

    def submit(self, clip: VideoClip, part: Part) -> Attempt:
        attempt = Attempt(clip_id=clip.id, part=part, status="submitted", cost_cents=0)
        self.attempts.append(attempt)
        set_state(clip, part, "processing")
        return attempt

    def answer(self, attempt: Attempt, clip: VideoClip, part: Part) -> None:
        """Charged from here on; its file is not fetched yet."""
        attempt.status, attempt.cost_cents = "answered", self.cents(clip, part)


def film_of(shots: list[tuple[int, bool]], with_audio: bool) -> Film:
    clips = [
        VideoClip(
            id=uuid4(),
            status="pending",
            duration_seconds=seconds,
            transition_type="seamless" if leads else "cut",
            transition_status="none",
        )
        for seconds, leads in shots
    ]
    film = Film(clips, with_audio, estimated=rules.planned_cents(clips, with_audio))
    for clip in clips:
        if rules.has_transition(clip, clips):
            clip.transition_status = "pending"
    return film


@given(
    st.lists(st.tuples(st.sampled_from((5, 10)), st.booleans()), min_size=2, max_size=20),
    st.booleans(),
    st.data(),
)
def test_from_every_moment_on_a_film_without_another_mishap_costs_what_was_told(
    shots: list[tuple[int, bool]], with_audio: bool, data: st.DataObject
) -> None:
    film = film_of(shots, with_audio)
    mishaps = data.draw(st.lists(st.sampled_from(OUTCOMES), max_size=10))
    while parts := list(film.open()):
        clip, part = data.draw(st.sampled_from(parts)) if mishaps else parts[0]
        outcome = mishaps.pop() if mishaps else "made"
        told = film.costs().estimated
        attempt = film.submit(clip, part)
        assert film.costs().estimated == told, "what is submitted was told before"
        if outcome in ("made", "broken"):
            film.answer(attempt, clip, part)
            assert film.costs().estimated == told, "what is charged was told before"
        attempt.status = "succeeded" if outcome == "made" else "failed"
        again = "failed" if outcome == "refused" and part == "clip" else "pending"
        set_state(clip, part, "completed" if outcome == "made" else again)
        now = film.costs()
        assert now.actual <= now.estimated
        owed = sum(film.cents(*each) for each in film.open())
        assert now.estimated >= now.actual + owed
    assert film.costs().actual <= film.costs().estimated


@pytest.mark.parametrize("with_audio", [False, True])
async def test_a_film_without_mishap_costs_exactly_its_estimate(
    video: Bench, with_audio: bool
) -> None:
    owner = video.owner()
    made = await owner.video(generate_native_audio=with_audio)
    for number in range(3):
        await owner.clip(made, seed=number, transition_type="seamless")
    told = (await owner.now(made))["estimated_cost"]
    await owner.pay(made)
    done = await owner.finish(made)
    assert (done["status"], done["actual_cost"]) == ("completed", told)
    assert done["estimated_cost"] == told, "what was answered and not yet fetched counts once"


async def test_what_is_made_twice_is_told_twice(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft()
    told = (await owner.now(made))["estimated_cost"]
    video.fal.faults.add(Fault(operation="file", kind="corrupt", status=200, times=1))
    await owner.pay(made)
    done = await owner.finish(made)
    assert done["estimated_cost"] == done["actual_cost"] == told + 35
    [row] = await video.rows(owner.workspace_id, VideoProject)
    assert (row.estimated_cost, row.actual_cost) == (105, 105)
