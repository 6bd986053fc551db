"""What the tests of every service share: key pairs, and the facts a use case recorded."""

from dataclasses import dataclass
from typing import TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import OutboxRow
from contracts.event import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class KeyPair:
    """The gateway's Ed25519 signing key and the public key of every service, in PEM."""

    private_key: str
    public_key: str


def make_key_pair() -> KeyPair:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return KeyPair(private.decode(), public.decode())


async def emitted(session: AsyncSession, event_type: type[E]) -> list[E]:
    """The facts of this type recorded in the session's workspace, oldest first."""
    query = select(OutboxRow.body).where(OutboxRow.routing_key == event_type.routing_key)
    if "workspace_id" in session.info:
        query = query.where(OutboxRow.workspace_id == session.info["workspace_id"])
    rows = await session.scalars(query.order_by(OutboxRow.position))
    return [event_type.model_validate(body) for body in rows if body is not None]
