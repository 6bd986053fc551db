"""Billing's first tables, their rules, and what may never change again."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import append_only, create_chassis_tables, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

KIND = "IN ('photo_project', 'video')"
CHECKS = {
    "workspace": {
        "plan": "plan IN ('free', 'pro', 'enterprise')",
        "status": "status IN ('active', 'trial', 'suspended')",
    },
    "billable": {"kind": f"kind {KIND}"},
    "delivery": {"kind": f"kind {KIND}"},
    "workspace_pricing": {
        "image_price": "image_project_price_ore BETWEEN 1000 AND 100000000",
        "video_price": "video_project_price_ore BETWEEN 1000 AND 100000000",
        "approval": "NOT invoice_eligible OR invoice_eligible_at IS NOT NULL",
    },
    "project_payment": {
        "kind": f"billable_kind {KIND}",
        "status": "status IN ('pending', 'completed', 'failed', 'refunded')",
        "charge": "(method = 'stripe' AND currency = 'usd' AND amount_minor_units > 0)"
        " OR (method = 'invoice' AND currency = 'nok' AND amount_minor_units > 0)"
        " OR (method = 'free' AND amount_minor_units = 0 AND reason IS NOT NULL)",
        "refunded": "refunded_minor_units BETWEEN 0 AND amount_minor_units",
        "paid": "status NOT IN ('completed', 'refunded') OR paid_at IS NOT NULL",
    },
    "checkout_session": {
        "status": "status IN ('opening', 'open', 'complete', 'expired')",
        "attempt": "attempt > 0",
    },
    "stripe_event": {"status": "status IN ('stored', 'handled', 'ignored')"},
    "refund": {
        "status": "status IN ('pending', 'succeeded', 'failed')",
        "amount": "amount_minor_units > 0",
        "currency": "currency IN ('usd', 'nok')",
    },
    "invoice": {
        "status": "status IN ('draft', 'sending', 'sent', 'paid', 'overdue', 'cancelled', 'credited')",
        "total": "net_ore >= 0 AND vat_ore >= 0 AND gross_ore = net_ore + vat_ore",
        "credited": "credited_net_ore BETWEEN 0 AND net_ore",
        "currency": "currency = 'nok'",
        "issued": "status IN ('draft', 'sending', 'cancelled') OR (fiken_invoice_number IS NOT NULL"
        " AND fiken_invoice_id IS NOT NULL AND issue_date IS NOT NULL AND due_date IS NOT NULL)",
        "paid": "status <> 'paid' OR paid_at IS NOT NULL",
    },
    "invoice_line_item": {
        "kind": f"billable_kind {KIND}",
        "status": "status IN ('pending', 'invoiced', 'cancelled')",
        "invoiced": "(status = 'invoiced') = (invoice_id IS NOT NULL)",
        "amount": "amount_ore > 0 AND quantity > 0",
    },
    "credit_note": {
        "status": "status IN ('pending', 'issued', 'blocked')",
        "amount": "net_ore > 0 AND vat_ore >= 0",
    },
    "ledger_entry": {
        "amount": "amount_minor_units <> 0",
        "currency": "currency IN ('usd', 'nok')",
    },
}

BALANCED = """
CREATE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE wanted uuid;
BEGIN
  IF TG_TABLE_NAME = 'ledger_entry' THEN wanted := NEW.transaction_id; ELSE wanted := NEW.id; END IF;
  IF NOT EXISTS (SELECT FROM ledger_entry WHERE transaction_id = wanted) THEN
    RAISE EXCEPTION 'ledger transaction % has no entries', wanted USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM ledger_entry WHERE transaction_id = wanted
             GROUP BY currency HAVING sum(amount_minor_units) <> 0) THEN
    RAISE EXCEPTION 'ledger transaction % does not sum to zero', wanted
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""

# Five years of bookkeeping duty: an issued invoice is corrected by a credit note, never edited.
ISSUED = """
CREATE FUNCTION refuse_change_of_issued() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.fiken_invoice_number IS NOT NULL AND
     (OLD.net_ore, OLD.vat_ore, OLD.gross_ore, OLD.currency, OLD.fiken_invoice_number,
      OLD.fiken_invoice_id, OLD.issue_date, OLD.due_date, OLD.workspace_id, OLD.id)
     IS DISTINCT FROM
     (NEW.net_ore, NEW.vat_ore, NEW.gross_ore, NEW.currency, NEW.fiken_invoice_number,
      NEW.fiken_invoice_id, NEW.issue_date, NEW.due_date, NEW.workspace_id, NEW.id) THEN
    RAISE EXCEPTION 'an issued invoice does not change';
  END IF;
  RETURN NEW;
END $$
"""

LINE = """
CREATE FUNCTION refuse_change_of_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.amount_ore, OLD.quantity, OLD.payment_id, OLD.billable_id, OLD.workspace_id, OLD.id)
     IS DISTINCT FROM
     (NEW.amount_ore, NEW.quantity, NEW.payment_id, NEW.billable_id, NEW.workspace_id, NEW.id)
     OR (OLD.invoice_id IS DISTINCT FROM NEW.invoice_id AND EXISTS (
       SELECT FROM invoice WHERE id = OLD.invoice_id AND status <> 'draft')) THEN
    RAISE EXCEPTION 'an invoice line does not change';
  END IF;
  RETURN NEW;
END $$
"""

QUOTE = """
CREATE FUNCTION refuse_change_of_quote() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.amount_minor_units, OLD.currency, OLD.method, OLD.billable_kind, OLD.billable_id,
      OLD.workspace_id, OLD.id)
     IS DISTINCT FROM
     (NEW.amount_minor_units, NEW.currency, NEW.method, NEW.billable_kind, NEW.billable_id,
      NEW.workspace_id, NEW.id) THEN
    RAISE EXCEPTION 'a quoted price does not change';
  END IF;
  RETURN NEW;
END $$
"""

TENANT_TABLES = (
    "alarm",
    "billable",
    "delivery",
    "invoice",
    "ledger_transaction",
    "project_payment",
    "stripe_customer",
    "stripe_event",
    "workspace",
    "workspace_pricing",
    "checkout_session",
    "invoice_line_item",
    "ledger_entry",
    "refund",
    "credit_note",
)
KEPT = (
    "project_payment",
    "refund",
    "invoice",
    "invoice_line_item",
    "credit_note",
    "ledger_transaction",
    "ledger_entry",
)


def upgrade() -> None:
    create_chassis_tables()
    create_tables()
    create_indexes()
    for table, checks in CHECKS.items():
        for name, condition in checks.items():
            op.create_check_constraint(f"{table}_{name}", table, condition)
    protect(*TENANT_TABLES)
    append_only("ledger_transaction", "ledger_entry")
    create_triggers()


def create_indexes() -> None:
    live = sa.text("status <> 'failed'")
    one_charge = ["workspace_id", "billable_kind", "billable_id"]
    op.create_index(
        "one_charge_basis", "project_payment", one_charge, unique=True, postgresql_where=live
    )
    kept = sa.text("status <> 'cancelled'")
    op.create_index(
        "one_line_per_billable", "invoice_line_item", one_charge, unique=True, postgresql_where=kept
    )
    op.create_index("payments_listed", "project_payment", ["workspace_id", "id"])
    op.create_index("intent_of_payment", "project_payment", ["stripe_payment_intent_id"])
    op.create_index("sessions_of_payment", "checkout_session", ["workspace_id", "payment_id"])
    op.create_index("intent_of_session", "checkout_session", ["stripe_payment_intent_id"])
    unfinished = sa.text("status IN ('opening', 'open')")
    op.create_index(
        "unfinished_sessions", "checkout_session", ["created_at"], postgresql_where=unfinished
    )
    op.create_index("refunds_of_payment", "refund", ["workspace_id", "payment_id"])
    op.create_index("lines_of_invoice", "invoice_line_item", ["workspace_id", "invoice_id"])
    op.create_index("lines_of_payment", "invoice_line_item", ["workspace_id", "payment_id"])
    op.create_index("invoices_by_status", "invoice", ["status", "synced_at"])
    op.create_index("events_waiting", "stripe_event", ["status", "received_at"])
    op.create_index("entries_of_transaction", "ledger_entry", ["workspace_id", "transaction_id"])


def create_triggers() -> None:
    for function in (BALANCED, ISSUED, LINE, QUOTE):
        op.execute(function)
    for table in ("ledger_transaction", "ledger_entry"):
        op.execute(
            f"CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON {table} DEFERRABLE INITIALLY"
            " DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balances()"
        )
    for table, function in (
        ("invoice", "refuse_change_of_issued"),
        ("invoice_line_item", "refuse_change_of_line"),
        ("project_payment", "refuse_change_of_quote"),
    ):
        op.execute(
            f"CREATE TRIGGER unchanged BEFORE UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def create_tables() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("raised_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "subject"),
    )
    op.create_table(
        "billable",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "id"),
    )
    op.create_table(
        "delivery",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("billable_id", sa.Uuid(), nullable=False),
        sa.Column("delivered_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "kind", "billable_id"),
    )
    op.create_table(
        "invoice",
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("net_ore", sa.BigInteger(), nullable=False),
        sa.Column("vat_ore", sa.BigInteger(), nullable=False),
        sa.Column("gross_ore", sa.BigInteger(), nullable=False),
        sa.Column("credited_net_ore", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("notes", sa.String(), nullable=True),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("paid_at", TIME, nullable=True),
        sa.Column("fiken_contact_id", sa.BigInteger(), nullable=True),
        sa.Column("fiken_invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("fiken_invoice_number", sa.String(), nullable=True),
        sa.Column("delivery_problem", sa.String(), nullable=True),
        sa.Column("synced_at", TIME, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fiken_invoice_id"),
        sa.UniqueConstraint("fiken_invoice_number"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_table(
        "ledger_transaction",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "source"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_table(
        "project_payment",
        sa.Column("billable_kind", sa.String(), nullable=False),
        sa.Column("billable_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("refunded_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("stripe_payment_intent_id", sa.String(), nullable=True),
        sa.Column("paid_at", TIME, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_table(
        "stripe_customer",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("stripe_customer_id", sa.String(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id"),
        sa.UniqueConstraint("stripe_customer_id"),
    )
    op.create_table(
        "stripe_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("object_id", sa.String(), nullable=False),
        sa.Column("payment_intent_id", sa.String(), nullable=True),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("received_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("handled_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "workspace",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("organization_number", sa.String(), nullable=True),
        sa.Column("contact_email", sa.String(), nullable=True),
        sa.Column("contact_person", sa.String(), nullable=True),
        sa.Column("profile_as_of", TIME, nullable=True),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("plan_as_of", TIME, nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_as_of", TIME, nullable=True),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    op.create_table(
        "workspace_pricing",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("image_project_price_ore", sa.BigInteger(), nullable=True),
        sa.Column("video_project_price_ore", sa.BigInteger(), nullable=True),
        sa.Column("invoice_eligible", sa.Boolean(), nullable=False),
        sa.Column("invoice_eligible_at", TIME, nullable=True),
        sa.Column("invoice_eligible_by", sa.Uuid(), nullable=True),
        sa.Column("fiken_contact_id", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    op.create_table(
        "checkout_session",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("stripe_session_id", sa.String(), nullable=True),
        sa.Column("stripe_payment_intent_id", sa.String(), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("success_url", sa.String(), nullable=False),
        sa.Column("cancel_url", sa.String(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("checked_at", TIME, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "payment_id"],
            ["project_payment.workspace_id", "project_payment.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("payment_id", "attempt"),
        sa.UniqueConstraint("stripe_session_id"),
    )
    op.create_table(
        "invoice_line_item",
        sa.Column("billable_kind", sa.String(), nullable=False),
        sa.Column("billable_id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("amount_ore", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "invoice_id"],
            ["invoice.workspace_id", "invoice.id"],
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "payment_id"],
            ["project_payment.workspace_id", "project_payment.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "transaction_id"],
            ["ledger_transaction.workspace_id", "ledger_transaction.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "refund",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("is_extra", sa.Boolean(), nullable=False),
        sa.Column("amount_minor_units", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("stripe_payment_intent_id", sa.String(), nullable=False),
        sa.Column("stripe_refund_id", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "payment_id"],
            ["project_payment.workspace_id", "project_payment.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("payment_id", "reason", "stripe_payment_intent_id"),
        sa.UniqueConstraint("stripe_refund_id"),
    )
    op.create_table(
        "credit_note",
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("net_ore", sa.BigInteger(), nullable=False),
        sa.Column("vat_ore", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("fiken_credit_note_id", sa.BigInteger(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "invoice_id"],
            ["invoice.workspace_id", "invoice.id"],
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "line_id"],
            ["invoice_line_item.workspace_id", "invoice_line_item.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fiken_credit_note_id"),
        sa.UniqueConstraint("line_id"),
    )
