"""Imaging's decisions, by table and by property."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Forbidden
from services.imaging.attempts import rules as attempts
from services.imaging.catalogue import BUILT_IN, ROOM_KINDS
from services.imaging.errors import WorkspaceSuspended
from services.imaging.images import rules as images
from services.imaging.projects import rules as projects
from services.imaging.providers.media import is_allowed
from services.imaging.providers.webhooks import is_fresh
from services.imaging.styles.rules import prompt_of
from services.imaging.uploads import rules as uploads
from tests.support.services import make_caller

STATUSES = ("pending", "processing", "completed", "failed")
STATES = tuple(attempts.TRANSITIONS)


def test_the_prompt_is_room_sentence_template_and_structure_sentence() -> None:
    assert prompt_of("Make it calm.", "walk-in-closet") == (
        "This is a walk in closet. Make it calm. Do not move, remove, or modify windows, walls, "
        "doors, or any architectural elements. Keep the room layout exactly as shown."
    )
    assert prompt_of("Make it calm.", None).startswith("Make it calm. Do not move")


def test_eleven_styles_in_four_categories_and_27_room_types() -> None:
    assert len({style.id for style in BUILT_IN}) == 11
    counts = [
        sum(style.category == c for style in BUILT_IN)
        for c in ("staging", "lighting", "exterior", "atmosphere")
    ]
    assert counts == [4, 3, 2, 2]
    assert [style.id for style in BUILT_IN if not style.announced] == ["scandinavian"]
    assert len({kind.id for kind in ROOM_KINDS}) == 27
    assert all(kind.icon.startswith("Icon") and kind.description for kind in ROOM_KINDS)


@given(st.lists(st.sampled_from(STATUSES), max_size=20))
def test_project_status_is_derived_from_the_newest_versions(statuses: list[str]) -> None:
    tally = projects.tally_of(statuses)
    opened = sum(status in ("pending", "processing") for status in statuses)
    assert tally.image_count == len(statuses)
    assert tally.completed_count + tally.failed_count + opened == len(statuses)
    assert (tally.status == "pending") == (set(statuses) <= {"pending"})
    assert (tally.status == "completed") == (bool(statuses) and set(statuses) == {"completed"})
    assert (tally.status == "failed") == (opened == 0 and "failed" in statuses)
    assert tally.status != "processing" or opened > 0
    assert 0 <= projects.progress_of(tally, paid=True)[2] <= 100


def test_one_completed_and_one_failed_image_is_a_failed_project() -> None:
    assert projects.tally_of(["completed", "failed"]).status == "failed"


@pytest.mark.parametrize(("status", "wanted"), list(product(STATUSES, STATUSES)))
def test_a_finished_version_never_changes(status: str, wanted: str) -> None:
    legal = {("pending", "processing"), ("processing", "completed"), ("processing", "failed")}
    assert images.can_become(status, wanted) == ((status, wanted) in legal)


LEGAL_ATTEMPTS = {
    "submitting": "submitted unknown answered refused failed discarded cancelled",
    "submitted": "answered discarded cancelled",
    "unknown": "answered abandoned discarded cancelled",
    "abandoned": "answered discarded cancelled",
    "answered": "succeeded failed discarded cancelled",
}


@pytest.mark.parametrize(("state", "wanted"), list(product(STATES, STATES)))
def test_every_pair_of_attempt_states_is_decided(state: str, wanted: str) -> None:
    assert attempts.can_become(state, wanted) == (wanted in LEGAL_ATTEMPTS.get(state, "").split())


@pytest.mark.parametrize(("state", "other"), list(product(STATES, (False, True))))
def test_the_first_answer_of_a_version_counts(state: str, other: bool) -> None:
    wanted = attempts.takes_outcome(state, other_answered=other)
    opened = state in ("submitting", "submitted", "unknown", "abandoned")
    assert (wanted == "answered") == (state == "answered" or (opened and not other))
    assert wanted == state or attempts.can_become(state, wanted)


@given(st.lists(st.sampled_from(STATES), max_size=8))
def test_nothing_is_submitted_beside_a_live_attempt(states: list[str]) -> None:
    may = attempts.may_submit(states, most_attempts=5)
    live = {"submitting", "submitted", "unknown", "answered", "succeeded"}
    assert may == (len(states) < 5 and not live & set(states))


def test_back_off_grows_listens_to_the_vendor_and_has_an_end() -> None:
    waits = [attempts.backoff_seconds(number, 2.0, None) for number in range(1, 8)]
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    assert attempts.backoff_seconds(1, 2.0, 17.0) == 17
    assert attempts.backoff_seconds(1, 2.0, 9000.0) == 60


def test_members_edit_only_their_own_projects() -> None:
    me = make_caller(role="member")
    projects.may_edit(me, me.member_id)
    with pytest.raises(Forbidden):
        projects.may_edit(me, make_caller().member_id)
    for role in ("owner", "admin"):
        projects.may_edit(make_caller(role=role), me.member_id)


def test_a_suspended_workspace_reads_and_starts_nothing() -> None:
    caller = make_caller(workspace_status="suspended")
    projects.may_read(caller)
    with pytest.raises(WorkspaceSuspended):
        projects.may_create(caller)


def test_an_api_key_needs_the_scope() -> None:
    caller = make_caller(scopes=frozenset({"projects:read"}))
    projects.may_read(caller)
    with pytest.raises(Forbidden):
        projects.may_create(caller)
    with pytest.raises(Forbidden):
        projects.may_read(make_caller(scopes=frozenset()))


@pytest.mark.parametrize(("area", "other"), [("projects", "images"), ("images", "projects")])
def test_a_key_for_projects_is_none_for_their_pictures(
    area: projects.Area, other: projects.Area
) -> None:
    caller = make_caller(scopes=frozenset({f"{area}:read", f"{area}:write"}))
    projects.may_read(caller, area)
    projects.may_edit(caller, caller.member_id, area)
    with pytest.raises(Forbidden):
        projects.may_read(caller, other)
    with pytest.raises(Forbidden):
        projects.may_edit(caller, caller.member_id, other)


def test_nobody_deletes_while_impersonating() -> None:
    caller = make_caller(impersonator_id=make_caller().member_id)
    projects.may_edit(caller, caller.member_id)
    with pytest.raises(Forbidden):
        projects.may_delete(caller, caller.member_id)


def test_free_workspaces_have_three_projects() -> None:
    plans = ("free", "pro", "enterprise")
    assert [projects.most_projects(plan, 3) for plan in plans] == [3, None, None]


def test_every_image_needs_a_room_type_before_the_start() -> None:
    assert not projects.is_ready("kitchen", [])
    assert projects.is_ready("kitchen", [None])
    assert projects.is_ready(None, ["kitchen"])
    assert not projects.is_ready(None, ["kitchen", None])


def test_retries_are_free_for_30_days_and_never_follow_a_full_refund() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    assert projects.may_retry_free(1, began, began + timedelta(days=30), 30)
    assert not projects.may_retry_free(1, began, began + timedelta(days=30, seconds=1), 30)
    assert not projects.may_retry_free(0, began, began, 30)
    assert not projects.may_retry_free(1, None, began, 30)


@pytest.mark.parametrize(
    ("head", "announced", "refusal"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg", None),
        (b"\x89PNG\r\n\x1a\n", "image/png", None),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp", None),
        (b"\0\0\0\x18ftypheic", "image/heic", None),
        (b"\0\0\0\x18ftypmif1", "image/heif", None),
        (b"\0\0\0\x18ftypavif", "image/heic", "not_an_image"),
        (b"\xff\xd8\xff\xe0", "image/png", "wrong_type"),
        (b"<svg xmlns", "image/png", "not_an_image"),
        (b"GIF89a", "image/jpeg", "not_an_image"),
        (b"%PDF-1.7", "image/jpeg", "not_an_image"),
        (b"%!PS-Adobe", "image/jpeg", "not_an_image"),
        (b"", "image/jpeg", "not_an_image"),
    ],
)
def test_the_first_bytes_decide(head: bytes, announced: str, refusal: str | None) -> None:
    assert uploads.refusal_of(head, announced) == refusal


def test_results_keep_the_aspect_within_one_per_cent() -> None:
    assert images.keeps_aspect((4000, 3000), (2048, 1536))
    assert images.keeps_aspect((1920, 1440), (2048, 1537))
    assert not images.keeps_aspect((4000, 3000), (2048, 2048))
    assert not images.keeps_aspect((4000, 3000), (1536, 2048))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://v3.fal.media/files/a.jpg", True),
        ("http://v3.fal.media/files/a.jpg", False),
        ("https://v3.fal.media.evil.example/a.jpg", False),
        ("https://v3.fal.media@evil.example/a.jpg", False),
        ("https://user@v3.fal.media/a.jpg", False),
        ("https://v3.fal.media:8443/a.jpg", False),
        ("http://127.0.0.1:9000/a.jpg", True),
        ("http://127.0.0.1:9001/a.jpg", False),
        ("http://127.0.0.1/a.jpg", False),
        ("http://169.254.169.254/latest", False),
        ("file:///etc/passwd", False),
        ("http://[::1]:99999/", False),
        ("", False),
    ],
)
def test_results_come_from_listed_hosts_only(url: str, allowed: bool) -> None:
    assert is_allowed(url, frozenset({"v3.fal.media", "127.0.0.1:9000"})) == allowed


@pytest.mark.parametrize(
    ("offset", "fresh"), [(0, True), (-300, True), (300, True), (-301, False), (301, False)]
)
def test_webhooks_are_fresh_for_five_minutes(offset: int, fresh: bool) -> None:
    assert is_fresh(str(1_700_000_000 + offset), 1_700_000_000.0) == fresh


@pytest.mark.parametrize("timestamp", ["", "-1", "1e9", "now", "9" * 400, "１７"])
def test_odd_timestamps_are_not_fresh(timestamp: str) -> None:
    assert not is_fresh(timestamp, 1_700_000_000.0)
