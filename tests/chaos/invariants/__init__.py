"""What must be true of the whole product at rest, whatever was killed: a list to read."""

from tests.chaos.invariants.invariant import Invariant
from tests.chaos.invariants.mail import NOTIFICATIONS
from tests.chaos.invariants.messaging import MESSAGING
from tests.chaos.invariants.money import AFFILIATE, BILLING
from tests.chaos.invariants.outside import OUTSIDE
from tests.chaos.invariants.people import IDENTITY
from tests.chaos.invariants.work import IMAGING, VIDEO
from tests.chaos.world import World

INVARIANTS: tuple[Invariant, ...] = (
    *MESSAGING,
    *IDENTITY,
    *IMAGING,
    *VIDEO,
    *BILLING,
    *AFFILIATE,
    *NOTIFICATIONS,
    *OUTSIDE,
)


async def violations(world: World) -> dict[str, list[str]]:
    """Invariant id and sentence to at most ten offenders; empty when all hold."""
    found = {}
    for one in INVARIANTS:
        offenders = await one.check(world)
        if offenders:
            found[f"{one.id} {one.sentence}"] = offenders[:10]
    return found
