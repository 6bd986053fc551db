"""Everything identity remembers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7


class Base(DeclarativeBase):
    """Base of identity's tables."""

    type_annotation_map = {datetime: DateTime(timezone=True), str: Text, bytes: LargeBinary}  # noqa: RUF012


def _id() -> Mapped[UUID]:
    return mapped_column(primary_key=True, default=uuid7)


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


def _touched() -> Mapped[datetime]:
    return mapped_column(server_default=func.now(), onupdate=func.now())


class WorkspaceRow(Base):
    """A company: everything belongs to one."""

    __tablename__ = "workspace"

    id: Mapped[UUID] = _id()
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    organization_number: Mapped[str | None]
    contact_email: Mapped[str | None]
    contact_person: Mapped[str | None]
    logo_key: Mapped[str | None]
    primary_color: Mapped[str | None]
    secondary_color: Mapped[str | None]
    onboarding_completed: Mapped[bool] = mapped_column(default=False)
    plan: Mapped[str] = mapped_column(default="free")
    status: Mapped[str] = mapped_column(default="active")
    trial_ends_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspended_reason: Mapped[str | None]
    invited_by_admin: Mapped[bool] = mapped_column(default=False)
    audit_length: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many lines the log has: a log cut off at its end is shorter than this."""
    deleted_at: Mapped[datetime | None]
    """The row stays for the log and for accounting elsewhere; who and what it was is erased."""
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _touched()

    __table_args__ = (
        CheckConstraint("plan IN ('free', 'pro', 'enterprise')", name="workspace_plan"),
        CheckConstraint("status IN ('active', 'trial', 'suspended')", name="workspace_status"),
        CheckConstraint(
            "(status = 'suspended') = (suspended_at IS NOT NULL)"
            " AND (status = 'suspended') = (suspended_reason IS NOT NULL)",
            name="workspace_suspension_is_explained",
        ),
        CheckConstraint(
            "status <> 'trial' OR trial_ends_at IS NOT NULL", name="workspace_trial_ends"
        ),
        CheckConstraint("organization_number ~ '^[0-9]{9}$'", name="workspace_organization_number"),
        CheckConstraint(
            "primary_color ~ '^#[0-9A-Fa-f]{6}$' AND secondary_color ~ '^#[0-9A-Fa-f]{6}$'",
            name="workspace_colors",
        ),
        Index("workspace_trials", "trial_ends_at", postgresql_where=text("status = 'trial'")),
    )


class UserRow(Base):
    """A person; a member of at most one workspace."""

    __tablename__ = "user"

    id: Mapped[UUID] = _id()
    workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey("workspace.id"))
    name: Mapped[str]
    email: Mapped[str]
    email_verified: Mapped[bool] = mapped_column(default=False)
    image: Mapped[str | None]
    language: Mapped[str] = mapped_column(default="en")
    role: Mapped[str] = mapped_column(default="member")
    is_system_admin: Mapped[bool] = mapped_column(default=False)
    banned: Mapped[bool] = mapped_column(default=False)
    ban_reason: Mapped[str | None]
    ban_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _touched()

    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="user_role"),
        CheckConstraint("language IN ('en', 'nb')", name="user_language"),
        Index("user_email", text("lower(normalize(email, NFKC))"), unique=True),
        Index(
            "user_one_owner", "workspace_id", unique=True, postgresql_where=text("role = 'owner'")
        ),
    )


class SessionRow(Base):
    """One browser that is signed in; the token itself is never stored."""

    __tablename__ = "session"

    id: Mapped[UUID] = _id()
    workspace_id: Mapped[UUID]
    user_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = _now()
    refreshed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
    impersonated_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    impersonator_session_id: Mapped[UUID | None]
    """The administrator's own session, to return to."""
    return_hash: Mapped[bytes | None]
    """Of the secret that returns to it: whoever only has the cookie cannot."""

    __table_args__ = (
        # No cascade: whoever leaves a workspace must be signed out first.
        ForeignKeyConstraint(["workspace_id", "user_id"], ["user.workspace_id", "user.id"]),
        CheckConstraint("octet_length(token_hash) = 32", name="session_token_is_hashed"),
        CheckConstraint(
            "expires_at <= created_at + interval '30 days'", name="session_absolute_limit"
        ),
        CheckConstraint(
            "impersonated_by IS NULL OR expires_at <= created_at + interval '60 minutes'",
            name="session_impersonation_limit",
        ),
        CheckConstraint("octet_length(return_hash) = 32", name="session_return_is_hashed"),
        Index("session_user", "workspace_id", "user_id"),
        Index("session_expiry", "expires_at"),
    )


class AccountRow(Base):
    """A way a person proves who they are: a password, later Google or Microsoft."""

    __tablename__ = "account"

    id: Mapped[UUID] = _id()
    workspace_id: Mapped[UUID | None]
    user_id: Mapped[UUID]
    provider_id: Mapped[str]
    account_id: Mapped[str]
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _touched()

    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "user_id"], ["user.workspace_id", "user.id"], onupdate="CASCADE"
        ),
        ForeignKeyConstraint(["user_id"], ["user.id"]),
        UniqueConstraint("provider_id", "account_id"),
        UniqueConstraint("user_id", "provider_id"),
        CheckConstraint(
            "provider_id IN ('credential', 'google', 'microsoft')", name="account_provider"
        ),
        CheckConstraint(
            "(provider_id = 'credential') = (password_hash IS NOT NULL)", name="account_password"
        ),
    )


class VerificationRow(Base):
    """A single-use token mailed to an address."""

    __tablename__ = "verification"

    id: Mapped[UUID] = _id()
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    identifier: Mapped[str]
    purpose: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "purpose IN ('verify_email', 'reset_password', 'change_email')", name="purpose"
        ),
        CheckConstraint("octet_length(token_hash) = 32", name="verification_token_is_hashed"),
    )


class InvitationRow(Base):
    """A mailed offer to join a workspace; never as its owner."""

    __tablename__ = "invitation"

    id: Mapped[UUID] = _id()
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspace.id"))
    email: Mapped[str]
    role: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        CheckConstraint("role IN ('admin', 'member')", name="invitation_role"),
        CheckConstraint("octet_length(token_hash) = 32", name="invitation_token_is_hashed"),
        CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name="invitation_ends_once"),
        CheckConstraint("accepted_at <= expires_at", name="invitation_accepted_in_time"),
        Index(
            "invitation_one_open",
            "workspace_id",
            text("lower(normalize(email, NFKC))"),
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
    )


class ApiKeyRow(Base):
    """A program's way in, with the role of the member who made it."""

    __tablename__ = "api_key"

    id: Mapped[UUID] = _id()
    workspace_id: Mapped[UUID]
    member_id: Mapped[UUID]
    name: Mapped[str]
    prefix: Mapped[str]
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["workspace_id", "member_id"], ["user.workspace_id", "user.id"]),
        UniqueConstraint("workspace_id", "id"),
        CheckConstraint("octet_length(key_hash) = 32", name="api_key_is_hashed"),
    )


class AuditEntryRow(Base):
    """One line of a workspace's log; each line's hash covers the one before."""

    __tablename__ = "audit_entry"

    id: Mapped[UUID] = _id()
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspace.id"))
    position: Mapped[int] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime]
    actor: Mapped[dict[str, Any]] = mapped_column(JSONB)
    action: Mapped[str]
    subject_id: Mapped[UUID]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]

    __table_args__ = (UniqueConstraint("workspace_id", "position"),)
