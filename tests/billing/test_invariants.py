"""The books after everything the tests before did to them (B1 to B12 of one service)."""

import ast
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.billing.bench import Bench

NEVER = {
    "B1 a ledger transaction does not sum to zero in one currency": """
        SELECT transaction_id FROM ledger_entry GROUP BY transaction_id
        HAVING sum(amount_minor_units) <> 0 OR count(DISTINCT currency) > 1""",
    "B2 more was given back than taken": """
        SELECT p.id FROM project_payment p LEFT JOIN refund r ON r.payment_id = p.id
          AND r.status = 'succeeded' AND NOT r.is_extra
        GROUP BY p.id HAVING coalesce(sum(r.amount_minor_units), 0) > p.amount_minor_units
          OR (p.method = 'stripe'
              AND coalesce(sum(r.amount_minor_units), 0) <> p.refunded_minor_units)""",
    "B3 a billable has two charge bases": """
        SELECT billable_id FROM project_payment WHERE status <> 'failed'
        GROUP BY workspace_id, billable_kind, billable_id HAVING count(*) > 1""",
    "B4 an accepted invoice payment has not one line of its price, or a card payment has one": """
        SELECT p.id FROM project_payment p LEFT JOIN invoice_line_item l
          ON l.payment_id = p.id AND l.amount_ore * l.quantity = p.amount_minor_units
        GROUP BY p.id HAVING count(l.id) <> (p.method = 'invoice')::int""",
    "B6 an invoice's net is not the sum of its lines": """
        SELECT i.id FROM invoice i JOIN invoice_line_item l ON l.invoice_id = i.id
        GROUP BY i.id HAVING sum(l.amount_ore * l.quantity) <> i.net_ore""",
    "B7 an issued invoice has no number or dates": """
        SELECT id FROM invoice WHERE sent_at IS NOT NULL
          AND (fiken_invoice_number IS NULL OR issue_date IS NULL OR due_date <= issue_date - 1)""",
    "B9 a payment that ended by refund is still due": """
        SELECT p.id FROM project_payment p WHERE p.status = 'refunded'
          AND p.refunded_minor_units = 0""",
    "B12 a movement of money is missing in the ledger": """
        SELECT p.id FROM project_payment p LEFT JOIN ledger_transaction t
          ON t.kind = 'card_paid' AND t.source = p.stripe_payment_intent_id
        WHERE p.method = 'stripe' AND p.status IN ('completed', 'refunded') AND t.id IS NULL
        UNION ALL
        SELECT i.id FROM invoice i LEFT JOIN ledger_transaction t
          ON t.kind = 'invoice_paid' AND t.source = i.id::text
        WHERE i.paid_at IS NOT NULL AND t.id IS NULL""",
}


@pytest.mark.parametrize("query", NEVER.values(), ids=NEVER.keys())
async def test_never(bench: Bench, query: str) -> None:
    async with bench.database.across_workspaces() as session:
        assert (await session.execute(text(query))).all() == []


async def test_b8_fiken_has_each_issued_invoice_once_with_our_totals(bench: Bench) -> None:
    query = text("SELECT id::text, net_ore, gross_ore FROM invoice WHERE sent_at IS NOT NULL")
    async with bench.database.across_workspaces() as session:
        ours: list[Any] = sorted(tuple(row) for row in await session.execute(query))
    ids = {invoice_id for invoice_id, _, _ in ours}
    journal = bench.fiken_stand_in.journal.entries("invoices.create")
    theirs = sorted(
        (e["order_reference"], e["net"], e["gross"]) for e in journal if e["order_reference"] in ids
    )
    assert ours == theirs


def test_no_float_touches_money() -> None:
    """A float literal or call may bound a wait, never an amount."""
    root = Path(__file__).parents[2] / "services" / "billing"
    for capability in ("pricing", "payments", "invoices", "ledger"):
        for path in (root / capability).rglob("*.py"):
            tree = ast.parse(path.read_text())
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            divisions = [node for node in ast.walk(tree) if isinstance(node, ast.Div)]
            assert "float" not in names, path
            assert not divisions, path
