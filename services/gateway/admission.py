"""Who may come in: recognised, not abused by another site's page, and not calling too often."""

from dataclasses import dataclass

from chassis.errors import Unauthenticated
from services.gateway.headers import Headers
from services.gateway.incoming import Incoming
from services.gateway.limits import CallLimits
from services.gateway.origins import Origins
from services.gateway.sessions import Principal, Sessions


@dataclass(frozen=True)
class Admission:
    """Asked once per request, by the proxy path and by the gateway's own routes."""

    sessions: Sessions
    limits: CallLimits
    origins: Origins

    async def admit_member(self, incoming: Incoming) -> tuple[Principal, Headers]:
        """The principal and the RateLimit headers; raises a Refusal."""
        credential = incoming.credential
        if credential is None:
            raise Unauthenticated
        if credential.session_token is not None:
            self.origins.defend(incoming.method, incoming.headers)
        principal = self.sessions.known(credential) or await self._find(incoming)
        caller = principal.caller
        headers = await self.limits.count_member(caller)
        more = await self.limits.count_operation(caller, incoming.method, incoming.path)
        return principal, headers + more

    async def admit_anybody(self, incoming: Incoming) -> Headers:
        """Also signing in from another site's page is refused: the victim would not notice."""
        self.origins.defend(incoming.method, incoming.headers)
        return await self.limits.count_anonymous(incoming.address)

    async def _find(self, incoming: Incoming) -> Principal:
        credential = incoming.credential
        if credential is None:
            raise Unauthenticated
        await self.limits.check_unknown(incoming.address)
        try:
            return await self.sessions.find(credential)
        except Unauthenticated:
            await self.limits.count_unknown(incoming.address)
            raise
