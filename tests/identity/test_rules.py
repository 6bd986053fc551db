"""Identity's pure decisions, by table and by property."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.caller import Plan, Role, WorkspaceStatus
from services.identity.accounts.rules import normal_email, slug_of
from services.identity.administration.rules import (
    FIRST_PREVIOUS_HASH,
    Standing,
    change_of,
    entry_hash,
)
from services.identity.sessions.rules import (
    ABSOLUTE_LIFETIME,
    LIFETIME,
    can_manage_keys,
    expiry_of,
    is_banned,
    is_own_session,
    should_slide,
)
from services.identity.workspaces.rules import can_edit_workspace, is_organization_number
from tests.support.services import make_caller

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("number", ["923609016", "974760673", "889640782", "100000008"])
def test_a_registered_organization_number_is_accepted(number: str) -> None:
    assert is_organization_number(number)


@pytest.mark.parametrize(
    "number", ["", "923609017", "92360901", "9236090160", "92360901a", "٩٢٣٦٠٩٠١٦", "100000300"]
)
def test_anything_else_is_not_an_organization_number(number: str) -> None:
    assert not is_organization_number(number)


@given(st.integers(min_value=0, max_value=99_999_999))
def test_eight_digits_have_at_most_one_check_digit(first: int) -> None:
    fitting = [d for d in range(10) if is_organization_number(f"{first:08d}{d}")]
    weights = (3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(w * int(c) for w, c in zip(weights, f"{first:08d}", strict=True)) % 11
    assert fitting == ([] if rest == 1 else [(11 - rest) % 11])


@given(st.integers(min_value=0, max_value=99_999_999), st.integers(0, 7), st.integers(1, 9))
def test_one_mistyped_digit_is_noticed(first: int, place: int, by: int) -> None:
    number = next(
        (f"{first:08d}{d}" for d in range(10) if is_organization_number(f"{first:08d}{d}")), None
    )
    if number is not None:
        wrong = str((int(number[place]) + by) % 10)
        assert not is_organization_number(number[:place] + wrong + number[place + 1 :])


@given(st.emails())
def test_an_address_has_one_normal_spelling(email: str) -> None:
    assert normal_email(normal_email(email)) == normal_email(email)
    assert normal_email(email.upper()) == normal_email(email.upper().lower())


@pytest.mark.parametrize(
    ("email", "slug"),
    [
        ("kari.nordmann@example.com", "kari-nordmann-abc123"),
        ("Åse+x@example.com", "ase-x-abc123"),
        ("東@example.com", "workspace-abc123"),
    ],
)
def test_a_slug_is_made_of_the_local_part(email: str, slug: str) -> None:
    assert slug_of(email, "abc123") == slug


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40)))
def test_a_session_never_outlives_thirty_days(age: timedelta) -> None:
    expiry = expiry_of(NOW, NOW + age)
    assert expiry <= NOW + ABSOLUTE_LIFETIME
    assert expiry <= NOW + age + LIFETIME


@pytest.mark.parametrize(
    ("idle", "impersonated", "slides"),
    [
        (timedelta(hours=23), False, False),
        (timedelta(hours=24), False, True),
        (timedelta(days=6), True, False),
    ],
)
def test_a_session_slides_once_a_day(idle: timedelta, impersonated: bool, slides: bool) -> None:
    assert should_slide(NOW - idle, NOW, impersonated=impersonated) is slides


@pytest.mark.parametrize(
    ("banned", "until", "kept_out"),
    [
        (False, None, False),
        (True, None, True),
        (True, NOW + timedelta(seconds=1), True),
        (True, NOW, False),
    ],
)
def test_a_ban_ends_when_it_expires(banned: bool, until: datetime | None, kept_out: bool) -> None:
    assert is_banned(banned, until, NOW) is kept_out


@given(
    st.sampled_from(["owner", "admin", "member"]),
    st.none() | st.frozensets(st.sampled_from(["workspace:read", "workspace:write"])),
)
def test_only_owners_and_admins_edit_and_a_key_needs_the_scope(
    role: Role, scopes: frozenset[str] | None
) -> None:
    caller = make_caller(role=role, scopes=scopes)
    allowed = role != "member" and (scopes is None or "workspace:write" in scopes)
    assert can_edit_workspace(caller) is allowed
    assert can_manage_keys(caller) is (role != "member")


def test_a_key_or_an_impersonator_has_no_session_of_their_own() -> None:
    assert is_own_session(make_caller(session_id=uuid4()))
    assert not is_own_session(make_caller(api_key_id=uuid4()))
    assert not is_own_session(make_caller(session_id=uuid4(), impersonator_id=uuid4()))


PLANS: list[Plan] = ["free", "pro", "enterprise"]
STATUSES: list[WorkspaceStatus] = ["active", "trial", "suspended"]
standings = st.builds(Standing, st.sampled_from(PLANS), st.sampled_from(STATUSES))


@given(standings, standings)
def test_every_change_of_standing_has_a_fact(before: Standing, after: Standing) -> None:
    change = change_of(before, after)
    assert change.anything is (before != after)
    assert not (change.suspended and change.reinstated)
    assert change.plan_changed or before.plan == after.plan


def test_a_line_of_the_log_depends_on_the_line_before() -> None:
    entry = {"action": "workspace.edited", "position": 1}
    first = entry_hash(FIRST_PREVIOUS_HASH, entry)
    assert first != entry_hash(first, entry)
    assert first == entry_hash(FIRST_PREVIOUS_HASH, dict(reversed(entry.items())))
