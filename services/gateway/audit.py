"""What administrators write, also as somebody else, is in identity's log before it is passed on."""

from http import HTTPStatus

import aiohttp

from chassis.caller import sign_gateway
from contracts.caller import Caller
from services.gateway.errors import ServiceUnavailable
from services.gateway.incoming import Incoming
from services.gateway.routing import ADMINISTRATION, Route
from services.gateway.settings import Settings
from services.gateway.tracing import trace_id
from services.gateway.upstreams import addresses

RECORD_TIMEOUT_SECONDS = 5.0
READS = frozenset(("GET", "HEAD", "OPTIONS"))


def is_recorded(caller: Caller, route: Route, method: str) -> bool:
    """What identity itself changes it writes down by itself, in more words than a path."""
    if caller.impersonator_id is None and not caller.is_system_admin:
        return False
    if method in READS or route.service == "identity":
        return False
    return caller.impersonator_id is not None or route.prefix.startswith(ADMINISTRATION)


class Audit:
    """Asks identity to append to the workspace's log."""

    def __init__(self, settings: Settings, client: aiohttp.ClientSession) -> None:
        self._door = f"{addresses(settings)['identity']}/internal/calls"
        self._signing_key = settings.caller_signing_key.get_secret_value()
        self._client = client

    async def record(self, caller: Caller, incoming: Incoming) -> None:
        """Raises ServiceUnavailable: what cannot be recorded must not happen."""
        # Without the query, where a client may have put anything.
        path = incoming.target.partition(b"?")[0].decode("ascii")
        call = {
            "workspace_id": str(caller.workspace_id),
            "member_id": str(caller.member_id),
            "impersonator_id": str(caller.impersonator_id) if caller.impersonator_id else None,
            "method": incoming.method,
            "path": path,
            "request_id": trace_id(),
        }
        token = sign_gateway(self._signing_key)
        try:
            async with self._client.post(
                self._door,
                json=call,
                headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=RECORD_TIMEOUT_SECONDS),
            ) as answer:
                if answer.status != HTTPStatus.NO_CONTENT:
                    raise ServiceUnavailable
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ServiceUnavailable from error
