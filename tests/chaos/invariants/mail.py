"""Letters: one for each fact that asks for one, sent once."""

from collections import Counter

from tests.chaos.invariants.invariant import rows, seen
from tests.chaos.world import World


@seen("N3", "Resend took each letter once, and every one we call sent")
async def posted_once(world: World) -> list[str]:
    taken = Counter(entry["tags"]["delivery_id"] for entry in world.journal("resend", "send"))
    sent = "SELECT id FROM delivery WHERE sent_at IS NOT NULL"
    ours = Counter(await world.column("notifications", sent))
    return [*(taken - ours), *(ours - taken)]


@seen("N4", "Every letter identity asked for is a delivery")
async def letters_arrive(world: World) -> list[str]:
    asked = f"""SELECT event_id FROM outbox WHERE is_private AND published_at IS NOT NULL
                AND created_at > '{world.ready_at.isoformat()}'"""
    taken = set(await world.column("notifications", "SELECT event_id FROM delivery"))
    return sorted(set(await world.column("identity", asked)) - taken)


NOTIFICATIONS = (
    rows(
        "N1",
        "notifications",
        "A fact asks for a letter once",
        """SELECT min(id::text) FROM delivery GROUP BY event_id, template
           HAVING count(*) > 1""",
    ),
    rows(
        "N2",
        "notifications",
        "No letter waits to be sent",
        "SELECT id FROM delivery WHERE status = 'queued'",
    ),
    posted_once,
    letters_arrive,
)
