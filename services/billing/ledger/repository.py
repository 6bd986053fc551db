"""Posting: the only write the ledger knows."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from contracts.billing import Currency
from services.billing.tables import LedgerEntry, LedgerTransaction


async def post(
    session: AsyncSession,
    workspace_id: UUID,
    kind: str,
    source: str,
    sides: dict[str, int],
    currency: Currency,
) -> bool:
    """Post once per kind and source; False when it was posted before.

    `sides` are account → amount in minor units, debit positive; PostgreSQL refuses to commit a
    transaction that does not sum to zero.
    """
    values = {"id": uuid7(), "workspace_id": workspace_id, "kind": kind, "source": source}
    claim = insert(LedgerTransaction).values(values).on_conflict_do_nothing()
    posted = await session.scalar(claim.returning(LedgerTransaction.id))
    if posted is None:
        return False
    for account, amount in sides.items():
        if amount:
            entry = LedgerEntry(
                workspace_id=workspace_id,
                transaction_id=posted,
                account=account,
                amount_minor_units=amount,
                currency=currency,
            )
            session.add(entry)
    await session.flush()
    return True
