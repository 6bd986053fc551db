"""Who brought whom, what it earned, and what was paid."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import VISIBLE, append_only, create_chassis_tables, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables()
    create_tables()
    protect_rows()


def create_tables() -> None:
    op.create_table(
        "affiliate_relationship",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("affiliate_workspace_id", sa.Uuid(), nullable=False),
        sa.Column("referred_workspace_id", sa.Uuid(), nullable=False),
        sa.Column("commission_percent", sa.BigInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "started_by IN ('administrator', 'referral_code')", name="relationship_started_by"
        ),
        sa.CheckConstraint(
            "affiliate_workspace_id <> referred_workspace_id", name="relationship_not_with_self"
        ),
        sa.CheckConstraint("commission_percent BETWEEN 1 AND 100", name="relationship_percent"),
        sa.CheckConstraint("is_active = (ended_at IS NULL)", name="relationship_end"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("affiliate_workspace_id", "id"),
    )
    op.create_index(
        "relationship_one_active",
        "affiliate_relationship",
        ["referred_workspace_id"],
        unique=True,
        postgresql_where=sa.text("is_active"),
    )
    op.create_table(
        "payout",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("affiliate_workspace_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("earning_count", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("currency IN ('usd', 'nok')", name="payout_currency"),
        sa.CheckConstraint("amount_minor_units > 0", name="payout_amount"),
        sa.CheckConstraint("earning_count > 0", name="payout_earnings"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("affiliate_workspace_id", "id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_table(
        "settlement",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("base_amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("currency IN ('usd', 'nok')", name="settlement_currency"),
        sa.CheckConstraint("source_type IN ('invoice', 'card_payment')", name="settlement_source"),
        sa.CheckConstraint("base_amount_minor_units > 0", name="settlement_amount"),
        sa.PrimaryKeyConstraint("workspace_id", "source_type", "source_id"),
        sa.UniqueConstraint("source_type", "source_id"),
    )
    op.create_table(
        "settlement_reversal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("currency IN ('usd', 'nok')", name="settlement_reversal_currency"),
        sa.CheckConstraint(
            "source_type IN ('invoice', 'card_payment')", name="settlement_reversal_source"
        ),
        sa.CheckConstraint("amount_minor_units > 0", name="settlement_reversal_amount"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_type", "reference"),
    )
    op.create_index(
        "settlement_reversal_source",
        "settlement_reversal",
        ["workspace_id", "source_type", "source_id"],
        unique=False,
    )
    op.create_table(
        "workspace",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("organization_number", sa.Text(), nullable=True),
        sa.Column("company_known_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("plan_known_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("referral_code", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("referral_code"),
    )
    op.create_table(
        "affiliate_earning",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("affiliate_workspace_id", sa.Uuid(), nullable=False),
        sa.Column("affiliate_relationship_id", sa.Uuid(), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=False),
        sa.Column("reversal_reference", sa.Text(), nullable=True),
        sa.Column("base_amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("commission_percent", sa.BigInteger(), nullable=False),
        sa.Column("earning_amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("payout_id", sa.Uuid(), nullable=True),
        sa.Column("paid_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_out_reference", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "CASE status WHEN 'pending' THEN num_nonnulls(payout_id, paid_out_at, paid_out_reference) = 0 WHEN 'paid_out' THEN num_nulls(payout_id, paid_out_at, paid_out_reference) = 0 ELSE false END",
            name="earning_status",
        ),
        sa.CheckConstraint("currency IN ('usd', 'nok')", name="earning_currency"),
        sa.CheckConstraint("source_type IN ('invoice', 'card_payment')", name="earning_source"),
        sa.CheckConstraint(
            "CASE WHEN reversal_reference IS NULL THEN earning_amount_minor_units >= 0 ELSE earning_amount_minor_units <= 0 END",
            name="earning_sign",
        ),
        sa.CheckConstraint("commission_percent BETWEEN 1 AND 100", name="earning_percent"),
        sa.ForeignKeyConstraint(
            ["affiliate_workspace_id", "affiliate_relationship_id"],
            ["affiliate_relationship.affiliate_workspace_id", "affiliate_relationship.id"],
        ),
        sa.ForeignKeyConstraint(
            ["affiliate_workspace_id", "payout_id"],
            ["payout.affiliate_workspace_id", "payout.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "earning_of_affiliate",
        "affiliate_earning",
        ["affiliate_workspace_id", "status", "currency"],
        unique=False,
    )
    op.create_index(
        "earning_once",
        "affiliate_earning",
        [
            "source_type",
            "source_id",
            "affiliate_relationship_id",
            sa.literal_column("coalesce(reversal_reference, '')"),
        ],
        unique=True,
    )


def protect_rows() -> None:
    protect("settlement", "settlement_reversal")
    append_only("settlement", "settlement_reversal", "payout")
    _protect_by("affiliate_earning", _sees("affiliate_workspace_id"))
    _protect_by("payout", _sees("affiliate_workspace_id"))
    # A relationship belongs to both companies.
    both = f"{_sees('affiliate_workspace_id')} OR {_sees('referred_workspace_id')}"
    _protect_by("affiliate_relationship", both)
    _protect_by("workspace", _sees("id"))
    # Whether two workspaces are one company, and whose a code is, takes reading a stranger's row.
    op.execute("CREATE POLICY everybody_reads ON workspace FOR SELECT USING (true)")
    _keep_history()


def _sees(column: str) -> str:
    return VISIBLE.replace("workspace_id =", f"{column} =", 1)


def _protect_by(table: str, visible: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY one_workspace ON {table} USING ({visible})")


def _keep_history() -> None:
    """An earning changes once, when it is paid out; a relationship once, when it ends."""
    op.execute(
        """
        CREATE FUNCTION change_once() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            changing text[] := string_to_array(TG_ARGV[1], ',');
        BEGIN
            IF to_jsonb(OLD) ->> TG_ARGV[0] IS NOT NULL
               OR to_jsonb(OLD) - changing <> to_jsonb(NEW) - changing THEN
                RAISE EXCEPTION '% keeps its history', TG_TABLE_NAME;
            END IF;
            RETURN NEW;
        END $$
        """
    )
    for table, done, changing in (
        (
            "affiliate_earning",
            "paid_out_at",
            "status,payout_id,paid_out_at,paid_out_reference,updated_at",
        ),
        ("affiliate_relationship", "ended_at", "is_active,ended_at,notes,updated_at"),
    ):
        op.execute(
            f"CREATE TRIGGER change_once BEFORE UPDATE ON {table} FOR EACH ROW"
            f" EXECUTE FUNCTION change_once('{done}', '{changing}')"
        )
        op.execute(
            f"CREATE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
