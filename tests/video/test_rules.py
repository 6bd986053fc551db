"""Decisions of the video service, by table and by property."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Forbidden
from services.video.clips.rules import (
    MOTION,
    ROOM_TYPES,
    TOUR,
    is_hopeless,
    prompt_of,
    same_members,
    tour_order,
)
from services.video.errors import WorkspaceSuspended
from services.video.generation import rules as generation
from services.video.media.segments import CROSS_FADE_FRAMES, frame_of
from services.video.rendering import rules as film
from services.video.states import (
    ATTEMPT_STATUSES,
    CLIP_STATUSES,
    TRANSITION_STATUSES,
    VIDEO_STATUSES,
)
from services.video.tables import Attempt, Segment, VideoClip, VideoProject
from services.video.videos import rules
from tests.support.services import make_caller


def clip(order: int = 1, **fields: object) -> VideoClip:
    values: dict[str, object] = {
        "id": uuid4(),
        "sequence_order": order,
        "room_type": "kitchen",
        "duration_seconds": 5,
        "status": "completed",
        "transition_type": "cut",
        "transition_status": "none",
        "clip_key": f"clip-{order}",
        "clip_sha256": f"sha-{order}",
        "is_ken_burns": False,
        **fields,
    }
    return VideoClip(**values)


def rendered(piece: film.Piece) -> Segment:
    return Segment(
        clip_id=piece.clip_id,
        part=piece.part,
        aspect_ratio=piece.aspect_ratio,
        fingerprint=piece.fingerprint,
        frames=piece.frames,
        height=piece.height,
        key=f"{piece.fingerprint}.mp4",
        sound_key=None,
        status="completed",
    )


def test_the_tour_has_each_room_once_and_begins_outside() -> None:
    assert sorted(TOUR) == sorted(ROOM_TYPES)
    assert len(TOUR) == 27
    assert set(MOTION) == set(ROOM_TYPES)
    assert TOUR[:5] == ("exterior", "hallway", "living-room", "kitchen", "dining-room")
    assert TOUR[-3:] == ("terrace", "garden", "landscape")


@given(st.lists(st.sampled_from(ROOM_TYPES), min_size=1, max_size=20))
def test_tour_order_keeps_every_clip_and_the_order_within_a_room(rooms: list[str]) -> None:
    clips = [clip(number, room_type=room) for number, room in enumerate(rooms, start=1)]
    ordered = tour_order(clips)
    assert same_members([one.id for one in ordered], clips)
    places = [(TOUR.index(one.room_type), one.sequence_order) for one in ordered]
    assert places == sorted(places)


def test_an_owners_motion_replaces_the_rooms_own() -> None:
    assert prompt_of(clip()).startswith(MOTION["kitchen"])
    assert prompt_of(clip(motion_prompt="Orbit the island.")).startswith("Orbit the island. ")


@pytest.mark.parametrize(
    ("seconds", "with_audio", "cents"), [(5, False, 35), (10, False, 70), (5, True, 70)]
)
def test_price_per_second(seconds: int, with_audio: bool, cents: int) -> None:
    assert rules.cents_of(seconds, with_audio) == cents


def test_the_last_clips_transition_costs_nothing() -> None:
    clips = [clip(n, transition_type="seamless") for n in (1, 2, 3)]
    assert rules.planned_cents(clips, with_audio=False) == 3 * 35 + 2 * 35


@given(
    st.lists(
        st.tuples(
            st.sampled_from(CLIP_STATUSES),
            st.sampled_from(TRANSITION_STATUSES),
            st.sampled_from((5, 10)),
            st.integers(0, 500),
        ),
        min_size=1,
        max_size=20,
    ),
    st.booleans(),
    st.integers(0, 3000),
)
def test_the_estimate_is_never_below_the_actual(
    shots: list[tuple[str, str, int, int]], with_audio: bool, planned: int
) -> None:
    clips = [
        clip(n, status=status, transition_status=transition, duration_seconds=seconds)
        for n, (status, transition, seconds, _) in enumerate(shots, start=1)
    ]
    attempts = [Attempt(cost_cents=cents) for *_, cents in shots]
    costs = rules.costs_of(clips, attempts, with_audio=with_audio, planned=planned)
    assert costs.estimated >= costs.actual == sum(cents for *_, cents in shots)
    assert costs.estimated >= planned


def test_a_failed_video_stays_failed_and_a_finished_one_may_change() -> None:
    allowed = {
        (a, b)
        for a, b in product(VIDEO_STATUSES, VIDEO_STATUSES)
        if rules.can_become(a, b)  # type: ignore[arg-type]
    }
    assert allowed == {
        ("draft", "generating"),
        ("draft", "failed"),
        ("generating", "compiling"),
        ("generating", "completed"),
        ("generating", "failed"),
        ("compiling", "completed"),
        ("compiling", "failed"),
        ("completed", "compiling"),
        ("completed", "generating"),
    }


def test_ended_attempts_never_change() -> None:
    for ended, wanted in product(("succeeded", "failed", "discarded"), ATTEMPT_STATUSES):
        assert not generation.can_become(ended, wanted)


def test_a_generation_is_tried_three_times_and_refusals_once() -> None:
    now = datetime.now(UTC)
    tries = [Attempt(counts_as_try=True, created_at=now) for _ in range(3)]
    assert generation.may_try_again(tries[:2], since=now, is_permanent=False)
    assert not generation.may_try_again(tries, since=now, is_permanent=False)
    assert not generation.may_try_again(tries[:1], since=now, is_permanent=True)
    later = now + timedelta(seconds=1)
    assert generation.may_try_again(tries, since=later, is_permanent=False)


def test_what_the_vendor_surely_did_not_do_is_no_try() -> None:
    now = datetime.now(UTC)
    busy = [Attempt(counts_as_try=False, created_at=now) for _ in range(9)]
    assert generation.may_try_again(busy, since=now, is_permanent=False)


def test_members_change_only_their_own_videos() -> None:
    member = make_caller(role="member")
    video = VideoProject(member_id=uuid4())
    with pytest.raises(Forbidden):
        rules.check_may_change(member, video)
    rules.check_may_change(make_caller(role="admin"), video)
    rules.check_may_change(member, VideoProject(member_id=member.member_id))


def test_a_suspended_workspace_reads_but_does_not_write() -> None:
    suspended = make_caller(workspace_status="suspended")
    rules.check_may_read(suspended)
    with pytest.raises(WorkspaceSuspended):
        rules.check_may_create(suspended)


def test_a_key_does_only_what_it_was_made_for() -> None:
    with pytest.raises(Forbidden):
        rules.check_may_create(make_caller(scopes=["videos:read"]))
    rules.check_may_create(make_caller(scopes=["videos:write"]))


@pytest.mark.parametrize(
    ("ratio", "size"), [("16:9", (1920, 1080)), ("9:16", (1080, 1920)), ("1:1", (1080, 1080))]
)
def test_sizes_of_the_aspect_ratios(ratio: str, size: tuple[int, int]) -> None:
    frame = frame_of(ratio, 1080)
    assert (frame.width, frame.height) == size


def test_only_when_nothing_could_be_made_there_is_no_hope() -> None:
    assert is_hopeless([clip(1, status="failed"), clip(2, status="left_out")])
    assert not is_hopeless([clip(1, status="failed"), clip(2, status="processing")])
    assert is_hopeless([clip(1, status="left_out")])


def test_equal_inputs_have_equal_fingerprints_and_others_do_not() -> None:
    shot = film.shots_of([clip(1)])[0]
    same = film.piece_of(shot, "16:9", 1080).fingerprint
    assert film.piece_of(film.shots_of([clip(1)])[0], "16:9", 1080).fingerprint == same
    assert film.piece_of(shot, "9:16", 1080).fingerprint != same
    assert film.piece_of(shot, "16:9", 720).fingerprint != same
    assert film.piece_of(film.shots_of([clip(2)])[0], "16:9", 1080).fingerprint != same


def test_a_generated_transition_plays_between_its_clips() -> None:
    second = clip(2)
    first = clip(
        1,
        transition_status="completed",
        transition_to_id=second.id,
        transition_key="t",
        transition_sha256="t",
    )
    assert [shot.part for shot in film.shots_of([first, second])] == ["clip", "transition", "clip"]


def test_a_failed_transition_becomes_half_a_second_of_cross_fade() -> None:
    clips = [clip(1, transition_status="cross_fade"), clip(2)]
    shots = film.shots_of(clips)
    assert [shot.fades_into_next for shot in shots] == [True, False]
    pieces = [film.piece_of(shot, "16:9", 180) for shot in shots]
    ready = {piece.fingerprint: rendered(piece) for piece in pieces}
    assert film.film_plan(shots, "16:9", 180, ready) is None
    [seam] = film.seams_of(shots, "16:9", 180, ready)
    ready[seam.fingerprint] = rendered(seam)
    plan = film.film_plan(shots, "16:9", 180, ready)
    assert plan is not None
    assert [(part["first"], part["frames"]) for part in plan] == [
        (0, 150 - CROSS_FADE_FRAMES),
        (0, CROSS_FADE_FRAMES),
        (CROSS_FADE_FRAMES, 150 - CROSS_FADE_FRAMES),
    ]


def test_leaving_out_the_goal_of_a_transition_fades_into_the_one_behind() -> None:
    second, third = clip(2, status="left_out"), clip(3)
    first = clip(
        1,
        transition_status="completed",
        transition_to_id=second.id,
        transition_key="t",
        transition_sha256="t",
    )
    shots = film.shots_of([first, second, third])
    assert [(shot.part, shot.fades_into_next) for shot in shots] == [
        ("clip", True),
        ("clip", False),
    ]


def test_a_film_waits_for_every_clip_and_transition() -> None:
    assert film.nothing_is_open([clip(1), clip(2, status="left_out")])
    assert not film.nothing_is_open([clip(1), clip(2, status="failed")])
    assert not film.nothing_is_open([clip(1, transition_status="processing"), clip(2)])


@given(st.lists(st.booleans(), min_size=2, max_size=20))
def test_a_plan_plays_every_frame_once_less_the_overlaps(fades: list[bool]) -> None:
    clips = [
        clip(n, transition_status="cross_fade" if fade else "none")
        for n, fade in enumerate(fades, start=1)
    ]
    shots = film.shots_of(clips)
    ready = {}
    for shot in shots:
        piece = film.piece_of(shot, "1:1", 180)
        ready[piece.fingerprint] = rendered(piece)
    for seam in film.seams_of(shots, "1:1", 180, ready):
        ready[seam.fingerprint] = rendered(seam)
    plan = film.film_plan(shots, "1:1", 180, ready)
    assert plan is not None
    overlaps = sum(fades[:-1])
    assert sum(part["frames"] for part in plan) == 150 * len(fades) - 15 * overlaps
