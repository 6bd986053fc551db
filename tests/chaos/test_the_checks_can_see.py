"""A check that finds nothing proves nothing until it has seen something broken."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.invariants import INVARIANTS
from tests.chaos.world import World

pytestmark = pytest.mark.timeout(240)
BY_ID = {one.id: one for one in INVARIANTS}


def again(table: str, change: str = "id = gen_random_uuid()", where: str = "true") -> str:
    """A row a second time, past the rules that forbid it."""
    return f"""CREATE TEMP TABLE again AS SELECT * FROM {table} WHERE {where} LIMIT 1;
               UPDATE again SET {change}; INSERT INTO {table} SELECT * FROM again"""


def told_again(routing_key: str) -> str:
    columns = "event_id, workspace_id, routing_key, is_private, body, trace, published_at"
    values = columns.replace("event_id", "gen_random_uuid()")
    return f"""INSERT INTO outbox ({columns}) SELECT {values} FROM outbox
               WHERE routing_key = '{routing_key}' LIMIT 1"""


BREAKAGES = (
    ("M2", "billing", "UPDATE outbox SET published_at = NULL WHERE position = 1"),
    ("M4", "billing", "DELETE FROM inbox WHERE reaction = 'billing.remember_project'"),
    ("M5", "affiliate", again("inbox", "event_id = gen_random_uuid()")),
    ("M9", "imaging", "UPDATE outbox SET workspace_id = gen_random_uuid()"),
    ("M10", "imaging", "UPDATE outbox SET body = '{}' WHERE is_private"),
    ("I1", "identity", """UPDATE "user" SET role = 'admin'"""),
    ("G2", "imaging", "UPDATE project SET image_count = image_count + 1"),
    ("G3", "imaging", "UPDATE project SET status = 'processing'"),
    ("G4", "imaging", "UPDATE attempt SET state = 'submitted' WHERE request_id IS NOT NULL"),
    ("G7", "imaging", "UPDATE attempt SET state = 'discarded'"),
    ("G8", "imaging", "UPDATE project SET paid_at = NULL"),
    ("G9", "imaging", told_again("imaging.image_completed.v1")),
    ("V1", "video", "UPDATE video_clip SET sequence_order = sequence_order + 1"),
    ("V4", "video", "UPDATE attempt SET status = 'discarded'"),
    ("V5", "video", told_again("video.clips_compiled.v1")),
    (
        "B1",
        "billing",
        "ALTER TABLE ledger_entry DISABLE TRIGGER USER;" + again("ledger_entry"),
    ),
    (
        "B3",
        "billing",
        "DROP INDEX one_charge_basis;" + again("project_payment", where="method = 'stripe'"),
    ),
    ("B13", "billing", told_again("billing.project_paid.v1")),
    ("A1", "affiliate", "DROP INDEX earning_once;" + again("affiliate_earning")),
    (
        "A2",
        "affiliate",
        """ALTER TABLE affiliate_earning DISABLE TRIGGER USER;
           UPDATE affiliate_earning SET earning_amount_minor_units = earning_amount_minor_units + 1
        """,
    ),
    ("N2", "notifications", "UPDATE delivery SET status = 'queued'"),
    ("N4", "notifications", "DELETE FROM delivery"),
    ("X2", "imaging", "UPDATE image_generation SET original_sha256 = 'another'"),
    ("X5", "imaging", "UPDATE project SET payment_id = gen_random_uuid()"),
    (
        "X8",
        "affiliate",
        "ALTER TABLE settlement DISABLE TRIGGER USER; DELETE FROM settlement",
    ),
    (
        "X9",
        "identity",
        """ALTER TABLE audit_entry DISABLE TRIGGER USER;
           DELETE FROM audit_entry WHERE action = 'administration.call'""",
    ),
)


@pytest.mark.parametrize(("id_", "service", "statements"), BREAKAGES, ids=lambda value: value[:12])
async def test_a_broken_database_is_seen(
    world: World, id_: str, service: str, statements: str
) -> None:
    async with world.broken(service, statements):
        assert await BY_ID[id_].check(world) != []
    assert await BY_ID[id_].check(world) == []


@pytest.mark.parametrize(
    ("id_", "vendor", "operation"),
    [
        ("F1", "fal", "submit"),
        ("P1", "stripe", "charge"),
        ("P2", "fiken", "invoices.create"),
        ("N3", "resend", "send"),
        ("X6", "fal", "completion"),
    ],
)
async def test_something_a_vendor_did_twice_is_seen(
    world: World, tmp_path: Path, id_: str, vendor: str, operation: str
) -> None:
    shutil.copytree(
        world.vendors,
        tmp_path / "v",
        ignore=lambda _, names: [n for n in names if "." in n and n != "journal.jsonl"],
    )
    entry = world.journal(vendor, operation)[0]
    with (tmp_path / "v" / vendor / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps(entry) + "\n")
    assert await BY_ID[id_].check(replace(world, vendors=tmp_path / "v")) != []


async def test_a_lost_write_is_seen(world: World) -> None:
    lost = replace(world, acknowledged=[("project", "00000000-0000-7000-8000-000000000000")])
    assert await BY_ID["X4"].check(lost) != []
