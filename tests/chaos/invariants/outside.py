"""What the vendors' journals, the storage and the services' databases say about each other."""

import hashlib
from collections import Counter

from chassis.storage import ObjectMissing
from tests.chaos.invariants.invariant import seen
from tests.chaos.world import World

MOST_BYTES = 64 * 1024 * 1024


def attempt_of(entry: dict[str, str]) -> str:
    """The attempt a submission belongs to: its webhook's address names it."""
    return entry["attempt_url"].rpartition("/")[2]


@seen("F1", "Everything submitted to fal was written down first, and submitted once")
async def submitted_once(world: World) -> list[str]:
    known = set(await world.column("imaging", "SELECT id FROM attempt"))
    known |= set(await world.column("video", "SELECT id FROM attempt"))
    counts = Counter(map(attempt_of, world.journal("fal", "submit")))
    return [attempt for attempt, count in counts.items() if attempt not in known or count > 1]


@seen("F2", "fal got an image or clip once, and once more for each answer that was lost")
async def submitted_again_only_when_unknown(world: World) -> list[str]:
    sent = set(map(attempt_of, world.journal("fal", "submit")))
    lost = "reason = 'provider_silent' OR state IN ('abandoned', 'cancelled', 'discarded')"
    tries = await world.rows(
        "imaging", f"SELECT id, version_id::text AS work, {lost} AS lost FROM attempt"
    )
    lost = "failure_reason = 'outcome_unknown' OR status = 'discarded'"
    tries += await world.rows(
        "video", f"SELECT id, clip_id || part AS work, coalesce({lost}, false) AS lost FROM attempt"
    )
    submits: Counter[str] = Counter()
    for attempt in tries:
        submits[attempt["work"]] += str(attempt["id"]) in sent
        submits[attempt["work"]] -= bool(attempt["lost"])
    return [work for work, count in submits.items() if count > 1]


@seen("X6", "What fal charged for is what we wrote down as cost")
async def costs_agree(world: World) -> list[str]:
    cents = await world.column("video", "SELECT coalesce(sum(cost_cents), 0)::bigint FROM attempt")
    micro = await world.column(
        "imaging", "SELECT coalesce(sum(cost_micro_usd), 0)::bigint FROM attempt"
    )
    charged = {"imaging": 0, "video": 0}
    for entry in world.journal("fal", "completion"):
        service = entry["attempt_url"].split("/")[-2]
        charged[service] += round(entry["cost_usd"] * 1_000_000)
    ours = {"imaging": int(micro[0]), "video": int(cents[0]) * 10_000}
    return [f"{name} {charged[name]} {ours[name]}" for name in ours if charged[name] != ours[name]]


@seen("P1", "Stripe charged each payment at most once, and what it charged is what we hold")
async def charged_once(world: World) -> list[str]:
    charges: Counter[str] = Counter()
    for entry in world.journal("stripe", "charge"):
        if entry["status"] == "succeeded":
            charges[f"{entry['metadata']['payment_id']} {entry['amount']}"] += 1
    paid = """SELECT id || ' ' || amount_minor_units FROM project_payment
              WHERE method = 'stripe' AND status IN ('completed', 'refunded')"""
    expected = Counter(await world.column("billing", paid))
    return [*(charges - expected), *(expected - charges)]


@seen("P2", "Fiken has exactly one invoice for each of ours, with the same amounts")
async def invoiced_once(world: World) -> list[str]:
    created = Counter(
        f"{entry['order_reference']} {entry['net']} {entry['gross']}"
        for entry in world.journal("fiken", "invoices.create")
    )
    sent = """SELECT id || ' ' || net_ore || ' ' || gross_ore FROM invoice
              WHERE fiken_invoice_id IS NOT NULL"""
    expected = Counter(await world.column("billing", sent))
    return [*(created - expected), *(expected - created)]


@seen("P3", "Every webhook Stripe got an answer for is stored once")
async def webhooks_are_stored(world: World) -> list[str]:
    answered = {
        entry["event"]
        for entry in world.journal("stripe", "webhook")
        if entry["status"] is not None and 200 <= entry["status"] < 300
    }
    return sorted(answered - set(await world.column("billing", "SELECT id FROM stripe_event")))


@seen("X1", "Every workspace that owns something exists")
async def workspaces_exist(world: World) -> list[str]:
    known = set(await world.column("identity", "SELECT id FROM workspace"))
    owners = {
        "imaging": "SELECT workspace_id FROM project",
        "video": "SELECT workspace_id FROM video_project",
        "billing": """SELECT workspace_id FROM project_payment UNION
                      SELECT workspace_id FROM invoice UNION SELECT workspace_id FROM workspace""",
        "affiliate": """SELECT referred_workspace_id FROM affiliate_relationship UNION
                        SELECT affiliate_workspace_id FROM affiliate_relationship""",
    }
    return [
        f"{service} {workspace}"
        for service, query in owners.items()
        for workspace in set(await world.column(service, query)) - known
    ]


KEPT_FILES = (
    ("imaging", "SELECT workspace_id, original_key, original_sha256 FROM image_generation"),
    (
        "imaging",
        """SELECT workspace_id, result_key, result_sha256 FROM image_generation
           WHERE result_key IS NOT NULL""",
    ),
    (
        "video",
        "SELECT workspace_id, clip_key, clip_sha256 FROM video_clip WHERE clip_key IS NOT NULL",
    ),
    ("video", "SELECT workspace_id, key, sha256 FROM output"),
)


@seen("X2", "Every file we promise lies in storage with the hash we wrote down")
async def files_are_whole(world: World) -> list[str]:
    wrong = []
    for service, query in KEPT_FILES:
        for row in await world.rows(service, query):
            _, key, digest = row.values()
            try:
                data = await world.storage.read(key, max_bytes=MOST_BYTES)
            except ObjectMissing:
                wrong.append(f"missing {key}")
                continue
            if hashlib.sha256(data).hexdigest() != digest:
                wrong.append(f"changed {key}")
    return wrong


@seen("X3", "Every file lies under its own workspace")
async def files_stay_at_home(world: World) -> list[str]:
    return [
        str(row[1])
        for service, query in KEPT_FILES
        for row in await world.rows(service, query)
        if not str(row[1]).startswith(f"workspaces/{row[0]}/")
    ]


PLACES = {
    "workspace": ("identity", "SELECT id FROM workspace"),
    "project": ("imaging", "SELECT id FROM project"),
    "upload": ("imaging", "SELECT id FROM upload"),
    "image": ("imaging", "SELECT root_id FROM image_generation"),
    "video": ("video", "SELECT id FROM video_project"),
    "clip": ("video", "SELECT id FROM video_clip"),
    "payment": ("billing", "SELECT id FROM project_payment"),
    "invoice": ("billing", "SELECT id FROM invoice"),
}


@seen("X4", "Every write that was acknowledged is there")
async def nothing_is_lost(world: World) -> list[str]:
    found = {kind: set(await world.column(*place)) for kind, place in PLACES.items()}
    return [f"{kind} {id_}" for kind, id_ in world.acknowledged if id_ not in found[kind]]


@seen("X5", "What billing calls paid is what imaging and video call paid, by the same payment")
async def paid_everywhere(world: World) -> list[str]:
    paid = """SELECT billable_id || ' ' || id FROM project_payment
              WHERE status IN ('completed', 'refunded') OR method = 'invoice'"""
    by_billing = set(await world.column("billing", paid))
    started = "SELECT id || ' ' || payment_id FROM {} WHERE payment_id IS NOT NULL"
    by_work = set(await world.column("imaging", started.format("project")))
    by_work |= set(await world.column("video", started.format("video_project")))
    return sorted(by_billing ^ by_work)


@seen("X8", "Affiliate settled exactly the invoices and card payments billing calls paid")
async def settled_what_was_paid(world: World) -> list[str]:
    paid = """SELECT 'card_payment ' || id || ' ' || amount_minor_units FROM project_payment
                WHERE method = 'stripe' AND status IN ('completed', 'refunded')
              UNION ALL SELECT 'invoice ' || id || ' ' || net_ore FROM invoice
                WHERE paid_at IS NOT NULL"""
    settled = """SELECT source_type || ' ' || source_id || ' ' || base_amount_minor_units
                 FROM settlement"""
    return sorted(
        set(await world.column("billing", paid)) ^ set(await world.column("affiliate", settled))
    )


@seen("X9", "Whatever administrators agreed to or sent in billing is in the log")
async def administration_is_recorded(world: World) -> list[str]:
    agreed = "SELECT workspace_id FROM workspace_pricing WHERE invoice_eligible"
    sent = "SELECT id FROM invoice WHERE status <> 'draft'"
    written = {
        *(f"PUT {workspace}" for workspace in await world.column("billing", agreed)),
        *(f"POST {invoice}" for invoice in await world.column("billing", sent)),
    }
    recorded = """SELECT (details->>'method') || ' ' || subject_id FROM audit_entry
                  WHERE action = 'administration.call' AND actor->>'kind' = 'administrator'"""
    return sorted(written - set(await world.column("identity", recorded)))


@seen("B9", "What was paid for is done, or the money went back")
async def done_or_refunded(world: World) -> list[str]:
    done = set(await world.column("imaging", "SELECT id FROM project WHERE completed_count > 0"))
    films = "SELECT id FROM video_project WHERE status = 'completed'"
    done |= set(await world.column("video", films))
    kept = """SELECT p.billable_id FROM project_payment p
              LEFT JOIN invoice_line_item l ON l.payment_id = p.id
              LEFT JOIN credit_note c ON c.line_id = l.id
              WHERE p.status = 'completed' AND p.refunded_minor_units < p.amount_minor_units
                AND l.status IS DISTINCT FROM 'cancelled' AND c.id IS NULL"""
    return sorted(set(await world.column("billing", kept)) - done)


OUTSIDE = (
    submitted_once,
    submitted_again_only_when_unknown,
    costs_agree,
    charged_once,
    invoiced_once,
    webhooks_are_stored,
    workspaces_exist,
    files_are_whole,
    files_stay_at_home,
    nothing_is_lost,
    paid_everywhere,
    settled_what_was_paid,
    administration_is_recorded,
    done_or_refunded,
)
