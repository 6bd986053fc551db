"""Who may bring whom, and whose fact is newer."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from chassis.errors import Refusal
from contracts.caller import Caller
from services.affiliate.errors import NotEnterprise, ReferralCycle, SameCompany, SelfReferral

DEFAULT_COMMISSION_PERCENT = 20

CODE_LENGTH = 10
CODE_ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Without what people misread: I L O U 0 1."""


@dataclass(frozen=True)
class Party:
    """What matters about one side of a referral."""

    workspace_id: UUID
    plan: str | None
    organization_number: str | None


def refusal_of(
    affiliate: Party, referred: Party, ancestors: Collection[UUID]
) -> type[Refusal] | None:
    """Why the affiliate may not bring the referred one; `ancestors` brought the affiliate."""
    if affiliate.workspace_id == referred.workspace_id:
        return SelfReferral
    if affiliate.plan != "enterprise":
        return NotEnterprise
    if is_same_company(affiliate.organization_number, referred.organization_number):
        return SameCompany
    if referred.workspace_id in ancestors:
        return ReferralCycle
    return None


def is_same_company(one: str | None, other: str | None) -> bool:
    return one is not None and one == other


def new_code() -> str:
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def normal_code(code: str) -> str:
    """People type codes in small letters and with spaces around."""
    return code.strip().upper()


def can_see_programme(caller: Caller) -> bool:
    """Money matters are for owners and admins; a key needs the scope."""
    allowed = caller.scopes is None or "affiliate:read" in caller.scopes
    return caller.role in ("owner", "admin") and allowed
