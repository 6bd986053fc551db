"""Who brought whom: by an administrator, by code, and never twice, in a circle or to oneself."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from chassis.database import SystemScope
from chassis.testing import emitted
from contracts.affiliate import RelationshipStarted
from contracts.identity import WorkspaceCreated, WorkspacePlanChanged
from services.affiliate.tables import Base, RelationshipRow
from tests.affiliate.conftest import Affiliate, card_paid, invoice_paid, refunded


async def active_of(affiliate: Affiliate, referred: UUID) -> list[dict[str, object]]:
    query = {"referred_workspace_id": str(referred), "is_active": "true"}
    answer = await affiliate.admin.get("/v1/admin/affiliate/relationships", params=query)
    items: list[dict[str, object]] = answer.json()["items"]
    return items


async def test_an_administrator_starts_a_relationship(affiliate: Affiliate) -> None:
    one, other = await affiliate.workspace(plan="enterprise"), await affiliate.workspace()
    answer = await affiliate.start(one, other, notes="met at the fair")
    assert answer.status_code == 201
    started = answer.json()
    assert (started["commission_percent"], started["started_by"]) == (20, "administrator")
    assert (started["is_active"], started["notes"]) == (True, "met at the fair")
    async with affiliate.database.transaction(SystemScope(one)) as session:
        [fact] = await emitted(session, RelationshipStarted)
    assert (fact.referred_workspace_id, fact.commission_percent) == (other, 20)
    assert fact.actor.kind == "administrator"
    [listed] = (await affiliate.client_of(one).get("/v1/affiliate/relationships")).json()["items"]
    assert listed["id"] == started["id"]
    assert "notes" not in listed


@pytest.mark.parametrize("percent", [0, 101, -1, 20.5, "20"])
async def test_a_percent_is_a_whole_number_from_1_to_100(
    affiliate: Affiliate, percent: object
) -> None:
    answer = await affiliate.start(uuid4(), uuid4(), commission_percent=percent)
    assert answer.status_code == 422


async def test_notes_that_cannot_be_stored_are_refused(affiliate: Affiliate) -> None:
    assert (await affiliate.start(uuid4(), uuid4(), notes="a\0b")).status_code == 422


async def test_what_may_not_be_referred_is_refused(affiliate: Affiliate) -> None:
    one = await affiliate.workspace(plan="enterprise", number="923609016")
    same = await affiliate.workspace(number="923609016")
    free = await affiliate.workspace()
    for body, status, code in (
        ((one, one), 409, "self_referral"),
        ((one, same), 409, "same_organization_number"),
        ((free, one), 403, "enterprise_needed"),
        ((one, uuid4()), 404, "workspace_unknown"),
    ):
        answer = await affiliate.start(*body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_circle_is_refused_however_long(affiliate: Affiliate) -> None:
    line = [await affiliate.workspace(plan="enterprise") for _ in range(4)]
    for above, below in pairwise(line):
        assert (await affiliate.start(above, below)).status_code == 201
    closing = await affiliate.start(line[-1], line[0])
    assert (closing.status_code, closing.json()["code"]) == (409, "referral_cycle")


async def test_two_at_once_cannot_close_a_circle(affiliate: Affiliate) -> None:
    one = await affiliate.workspace(plan="enterprise")
    other = await affiliate.workspace(plan="enterprise")
    answers = await asyncio.gather(affiliate.start(one, other), affiliate.start(other, one))
    assert sorted(a.status_code for a in answers) == [201, 409]


async def test_a_workspace_has_one_affiliate_at_a_time(affiliate: Affiliate) -> None:
    rivals = [await affiliate.workspace(plan="enterprise") for _ in range(5)]
    referred = await affiliate.workspace()
    answers = await asyncio.gather(*(affiliate.start(rival, referred) for rival in rivals))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409]
    [winner] = [a.json()["id"] for a in answers if a.status_code == 201]
    path = f"/v1/admin/affiliate/relationships/{winner}"
    ended = (await affiliate.admin.patch(path, json={"is_active": False})).json()
    again = (await affiliate.admin.patch(path, json={"is_active": False})).json()
    assert (ended["is_active"], ended["ended_at"]) == (False, again["ended_at"])
    assert (await affiliate.start(rivals[0], referred)).status_code == 201
    revived = await affiliate.admin.patch(path, json={"is_active": True})
    assert revived.status_code == 422


async def test_the_door_waits_for_a_plan_that_is_still_on_its_way(affiliate: Affiliate) -> None:
    one, other = await affiliate.workspace(), await affiliate.workspace()
    asking = asyncio.create_task(affiliate.start(one, other))
    await affiliate.hear(WorkspacePlanChanged(workspace_id=one, plan="enterprise", status="active"))
    assert (await asking).status_code == 201


async def test_an_older_fact_changes_nothing(affiliate: Affiliate) -> None:
    workspace_id, now = uuid4(), datetime.now(UTC)
    plan = WorkspacePlanChanged(
        workspace_id=workspace_id, plan="enterprise", status="active", occurred_at=now
    )
    created = WorkspaceCreated(
        workspace_id=workspace_id,
        name="Late",
        owner_id=uuid4(),
        plan="free",
        status="active",
        occurred_at=now - timedelta(seconds=5),
    )
    await affiliate.hear(plan)
    await affiliate.hear(created)
    other = await affiliate.workspace()
    assert (await affiliate.start(workspace_id, other)).status_code == 201


async def test_a_referral_code_used_at_sign_up_starts_a_relationship(affiliate: Affiliate) -> None:
    one = await affiliate.workspace(plan="enterprise")
    client = affiliate.client_of(one)
    code = (await client.get("/v1/affiliate/referral-code")).json()["referral_code"]
    again = (await client.get("/v1/affiliate/referral-code")).json()["referral_code"]
    assert code == again
    referred = await affiliate.workspace(code=f" {code.lower()}")
    [started] = await active_of(affiliate, referred)
    assert started["affiliate_workspace_id"] == str(one)
    assert (started["started_by"], started["commission_percent"]) == ("referral_code", 20)


async def test_a_code_nobody_has_leaves_the_sign_up_alone(affiliate: Affiliate) -> None:
    referred = await affiliate.workspace(code="NO-SUCH-CODE")
    assert await active_of(affiliate, referred) == []


async def test_only_enterprise_workspaces_have_a_code(affiliate: Affiliate) -> None:
    one = await affiliate.workspace(plan="pro")
    answer = await affiliate.client_of(one).get("/v1/affiliate/referral-code")
    assert (answer.status_code, answer.json()["code"]) == (403, "enterprise_needed")
    member = affiliate.client_of(one, role="member")
    assert (await member.get("/v1/affiliate/referral-code")).json()["code"] == "forbidden"


async def test_a_code_of_a_workspace_that_left_enterprise_no_longer_counts(
    affiliate: Affiliate,
) -> None:
    one = await affiliate.workspace(plan="enterprise")
    path = "/v1/affiliate/referral-code"
    code = (await affiliate.client_of(one).get(path)).json()["referral_code"]
    await affiliate.hear(WorkspacePlanChanged(workspace_id=one, plan="pro", status="active"))
    referred = await affiliate.workspace(code=code)
    assert await active_of(affiliate, referred) == []


async def test_a_referral_within_one_company_ends_when_it_shows(affiliate: Affiliate) -> None:
    one = await affiliate.workspace(plan="enterprise", number="974760673")
    other = await affiliate.workspace()
    assert (await affiliate.start(one, other)).status_code == 201
    await affiliate.onboard(other, "974760673")
    assert await active_of(affiliate, other) == []
    await affiliate.hear(invoice_paid(other, 100_000))
    assert await affiliate.amounts_of(one) == []


async def test_administration_is_for_system_administrators_only(affiliate: Affiliate) -> None:
    client = affiliate.client_of(uuid4())
    assert (await client.get("/v1/admin/affiliate/relationships")).status_code == 403
    assert (await client.post("/v1/admin/affiliate/relationships", json={})).status_code == 403
    path = f"/v1/admin/affiliate/relationships/{uuid4()}"
    assert (await client.patch(path, json={"is_active": False})).status_code == 403
    assert (await client.post("/v1/admin/affiliate/payouts", json={})).status_code == 403


async def test_a_stranger_sees_nothing_and_the_referred_side_no_money(
    affiliate: Affiliate,
) -> None:
    one, referred = await affiliate.pair()
    paid = card_paid(referred, 9_900)
    await affiliate.hear(paid)
    await affiliate.hear(refunded(paid, 100))
    async with affiliate.database.transaction(SystemScope(uuid4())) as session:
        for table in Base.metadata.sorted_tables:
            if table.name != "workspace":
                count = select(func.count()).select_from(table)
                assert await session.scalar(count) == 0, table.name
    async with affiliate.database.transaction(SystemScope(referred)) as session:
        assert await session.scalar(select(func.count()).select_from(RelationshipRow)) == 1
        counted = await session.scalar(text("SELECT count(*) FROM affiliate_earning"))
        assert counted == 0
        renamed = await session.execute(
            text("UPDATE workspace SET name = 'stolen' WHERE id = :id RETURNING id"), {"id": one}
        )
        assert renamed.all() == []
    listed = await affiliate.client_of(referred).get("/v1/affiliate/relationships")
    assert listed.json()["items"] == []
    assert await affiliate.amounts_of(referred) == []


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM affiliate_relationship",
        "UPDATE affiliate_relationship SET commission_percent = 99",
        "UPDATE affiliate_relationship SET referred_workspace_id = gen_random_uuid()",
    ],
)
async def test_a_relationship_keeps_its_history(affiliate: Affiliate, change: str) -> None:
    one, _ = await affiliate.pair()
    with pytest.raises(DBAPIError, match=r"history|append-only"):
        async with affiliate.database.transaction(SystemScope(one)) as session:
            await session.execute(text(change))
