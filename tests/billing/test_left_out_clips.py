"""A clip its owner leaves out takes its share of the price back, by card and by invoice."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from contracts.billing import InvoiceCredited, InvoicePaid, PaymentRefunded
from contracts.caller import Caller
from contracts.video import ClipFailed, VideoFailed
from services.billing.payments.rules import Share
from services.billing.tables import InvoiceLineItem
from tests.billing.bench import Bench
from tests.billing.invoices.journal import pay_in_fiken, posted, sync


def left_out(caller: Caller, video: UUID, clips: int = 4) -> ClipFailed:
    return ClipFailed(
        workspace_id=caller.workspace_id,
        video_id=video,
        clip_id=uuid4(),
        reason="left_out",
        paid_clip_count=clips,
    )


async def film_by_card(bench: Bench) -> tuple[Caller, UUID, dict[str, Any]]:
    caller = await bench.workspace()
    video = await bench.video(caller)
    payment = (await bench.pay(caller, video, billable_kind="video")).json()
    await bench.press(payment["checkout_url"])
    await bench.told(caller, "checkout.session.completed")
    await bench.work_off(caller.workspace_id)
    return caller, video, payment


async def film_by_invoice(bench: Bench) -> tuple[Caller, UUID, dict[str, Any]]:
    caller = await bench.workspace(plan="enterprise", organization=True)
    video = await bench.video(caller)
    answer = await bench.pay(caller, video, "invoice", billable_kind="video")
    return caller, video, answer.json()


async def kept_lines(bench: Bench, caller: Caller) -> list[int]:
    query = select(InvoiceLineItem.amount_ore).where(InvoiceLineItem.status != "cancelled")
    return [amount for (amount,) in await bench.rows(caller, query)]


async def draft_of(bench: Bench, caller: Caller) -> dict[str, Any]:
    answer = await bench.admin("POST", "/v1/admin/invoices", workspace_id=str(caller.workspace_id))
    shown: dict[str, Any] = answer.json()
    return shown


@pytest.mark.parametrize(("price", "clips"), [(9900, 7), (9900, 20), (100_000, 3), (1000, 19)])
def test_shares_together_are_the_price_to_a_rounding(price: int, clips: int) -> None:
    share = Share("clip", clips).of_price(price)
    assert abs(share * clips - price) <= clips / 2
    assert Share("clip", 1).of_price(price) == price


async def test_a_share_goes_back_to_the_card_once_for_each_clip(bench: Bench) -> None:
    caller, video, payment = await film_by_card(bench)
    first, second = left_out(caller, video), left_out(caller, video)
    for fact in (first, second, first):
        await bench.tell(fact, times=2)
    await bench.work_off(caller.workspace_id)
    shown = await bench.show(caller, payment)
    assert (shown["status"], shown["refunded_minor_units"]) == ("refunded", 2 * 2475)
    facts = await bench.facts(caller, PaymentRefunded)
    assert [fact.refunded_minor_units for fact in facts] == [2475, 2475]


async def test_the_rest_goes_back_when_nothing_comes_of_it(bench: Bench) -> None:
    caller, video, payment = await film_by_card(bench)
    await bench.tell(left_out(caller, video, 3))
    lost = VideoFailed(workspace_id=caller.workspace_id, video_id=video, reason="no_choice_made")
    await bench.tell(lost, times=2)
    await bench.tell(left_out(caller, video, 3))
    await bench.work_off(caller.workspace_id)
    assert (await bench.show(caller, payment))["refunded_minor_units"] == 9900


async def test_a_clip_that_merely_failed_gives_nothing_back(bench: Bench) -> None:
    caller, video, payment = await film_by_card(bench)
    failed = left_out(caller, video).model_copy(
        update={"reason": "content_policy_violation", "paid_clip_count": None}
    )
    await bench.tell(failed)
    assert await bench.work_off(caller.workspace_id) == 0
    assert (await bench.show(caller, payment))["status"] == "completed"


async def test_a_pending_line_is_replaced_by_a_smaller_one(bench: Bench) -> None:
    caller, video, _ = await film_by_invoice(bench)
    for _ in range(2):
        await bench.tell(left_out(caller, video), times=2)
    assert await kept_lines(bench, caller) == [50_000]
    assert (await draft_of(bench, caller))["total_amount_ore"] == 50_000


async def test_a_draft_invoice_is_reduced(bench: Bench) -> None:
    caller, video, _ = await film_by_invoice(bench)
    draft = await draft_of(bench, caller)
    await bench.tell(left_out(caller, video), times=2)
    shown = (await bench.admin("GET", f"/v1/admin/invoices/{draft['id']}")).json()
    assert (shown["status"], shown["total_amount_ore"]) == ("draft", 75_000)
    assert [line["amount_ore"] for line in shown["lines"]] == [75_000]


@pytest.mark.parametrize("others", [0, 1])
async def test_an_issued_invoice_is_credited_share_by_share(bench: Bench, others: int) -> None:
    caller, video, payment = await film_by_invoice(bench)
    for _ in range(others):
        await bench.pay(caller, await bench.project(caller), "invoice")
    draft = await draft_of(bench, caller)
    await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
    await bench.work_off(caller.workspace_id)
    for _ in range(2):
        await bench.tell(left_out(caller, video, 3), times=2)
        await bench.work_off(caller.workspace_id)
    facts = await bench.facts(caller, InvoiceCredited)
    assert [fact.net_minor_units for fact in facts] == [33_333, 33_333]
    invoice = (await bench.admin("GET", f"/v1/admin/invoices/{draft['id']}")).json()
    assert invoice["status"] == "sent"
    entries = bench.fiken_stand_in.journal.entries("credit_notes.create")
    mine = [e["gross"] for e in entries if e["invoice"] == invoice["fiken_invoice_id"]]
    assert mine == [41_666, 41_666]

    await pay_in_fiken(bench, invoice)
    await sync(bench, invoice)
    [paid] = await bench.facts(caller, InvoicePaid)
    assert paid.net_minor_units == 33_334 + others * 100_000
    shown = await bench.show(caller, payment)
    assert (shown["status"], shown["refunded_minor_units"]) == ("completed", 0)

    lost = VideoFailed(workspace_id=caller.workspace_id, video_id=video, reason="no_choice_made")
    await bench.tell(lost, times=2)
    await bench.work_off(caller.workspace_id)
    credited = [fact.net_minor_units for fact in await bench.facts(caller, InvoiceCredited)]
    assert sum(credited) == 100_000
    assert (await posted(bench, caller))["revenue"] == -100_000 * others
    shown = await bench.show(caller, payment)
    assert (shown["status"], shown["refunded_minor_units"]) == ("refunded", 33_334)
