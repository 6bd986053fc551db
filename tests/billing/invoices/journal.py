"""What Fiken's journal says of an invoice, and how a customer pays it there."""

from typing import Any

from sqlalchemy import func, select

from services.billing.tables import LedgerEntry
from tests.billing.bench import Bench


def made(bench: Bench, invoice: dict[str, Any]) -> list[dict[str, Any]]:
    entries = bench.fiken_stand_in.journal.entries("invoices.create")
    return [e for e in entries if e["order_reference"] == invoice["id"]]


def dispatched(bench: Bench, invoice: dict[str, Any]) -> int:
    ids = {entry["id"] for entry in made(bench, invoice)}
    sends = bench.fiken_stand_in.journal.entries("invoices.send")
    return sum(entry["id"] in ids for entry in sends)


async def pay_in_fiken(bench: Bench, invoice: dict[str, Any]) -> None:
    url = f"{bench.fiken_stand_in.address}/_pay/{invoice['fiken_invoice_id']}"
    assert (await bench.browser.post(url)).status_code == 303


async def sync(bench: Bench, invoice: dict[str, Any]) -> dict[str, Any]:
    answer = await bench.admin("POST", f"/v1/admin/invoices/{invoice['id']}/sync")
    shown: dict[str, Any] = answer.json()
    return shown


async def posted(bench: Bench, caller: Any) -> dict[str, int]:
    sums = select(LedgerEntry.account, func.sum(LedgerEntry.amount_minor_units))
    rows = await bench.rows(caller, sums.group_by(LedgerEntry.account))
    return {account: int(amount) for account, amount in rows}
