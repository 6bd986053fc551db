"""Payments, invoices, the ledger and commissions; amounts in minor units."""

from tests.chaos.invariants.invariant import rows

BILLING = (
    rows(
        "B1",
        "billing",
        "Every ledger transaction sums to zero in one currency and has two sides",
        """SELECT t.id FROM ledger_transaction t LEFT JOIN ledger_entry e ON e.transaction_id = t.id
           GROUP BY t.workspace_id, t.id
           HAVING coalesce(sum(e.amount_minor_units), 1) <> 0 OR count(e.id) < 2
               OR count(DISTINCT e.currency) <> 1""",
    ),
    rows(
        "B2",
        "billing",
        "Nothing is refunded that was not paid",
        """SELECT id FROM project_payment WHERE refunded_minor_units NOT BETWEEN 0 AND
             amount_minor_units OR (refunded_minor_units > 0 AND paid_at IS NULL)""",
    ),
    rows(
        "B3",
        "billing",
        "A project or video has one charge basis",
        """SELECT billable_id FROM project_payment WHERE status <> 'failed'
           GROUP BY billable_kind, billable_id HAVING count(*) > 1""",
    ),
    rows(
        "B4",
        "billing",
        "An accepted invoice payment has one line of its amount, other payments have none",
        """SELECT p.id FROM project_payment p LEFT JOIN invoice_line_item l ON l.payment_id = p.id
             AND l.amount_ore * l.quantity = p.amount_minor_units
           GROUP BY p.workspace_id, p.id HAVING count(l.id)
             <> (p.method = 'invoice' AND p.status <> 'failed')::int""",
    ),
    rows(
        "B5",
        "billing",
        "Every movement of money is in the ledger once",
        """SELECT p.id FROM project_payment p WHERE p.method = 'stripe'
             AND p.status IN ('completed', 'refunded') AND 1 <> (SELECT count(*)
               FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
               WHERE t.kind = 'card_paid' AND t.source = p.stripe_payment_intent_id
                 AND e.amount_minor_units = p.amount_minor_units)
           UNION ALL
           SELECT i.id FROM invoice i WHERE i.paid_at IS NOT NULL AND 1 <> (SELECT count(*)
               FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
               WHERE t.kind = 'invoice_paid' AND t.source = i.id::text
                 AND e.amount_minor_units = i.gross_ore)""",
    ),
    rows(
        "B6",
        "billing",
        "A line is on an invoice exactly when it says so",
        """SELECT id FROM invoice_line_item
           WHERE (status = 'invoiced') <> (invoice_id IS NOT NULL)""",
    ),
    rows(
        "B6b",
        "billing",
        "An invoice's net is the sum of its lines, its VAT is 25 % of each rounded half up",
        """SELECT i.id FROM invoice i LEFT JOIN invoice_line_item l ON l.invoice_id = i.id
           WHERE i.status <> 'cancelled' GROUP BY i.workspace_id, i.id
           HAVING i.net_ore <> coalesce(sum(l.amount_ore * l.quantity), 0)
               OR i.vat_ore <> coalesce(sum((l.amount_ore * l.quantity * 25 + 50) / 100), 0)
               OR i.gross_ore <> i.net_ore + i.vat_ore""",
    ),
    rows(
        "B8",
        "billing",
        "An issued invoice has Fiken's id and a number of its own",
        """SELECT id FROM invoice WHERE status IN ('sent', 'paid', 'overdue', 'credited')
             AND (fiken_invoice_id IS NULL OR fiken_invoice_number IS NULL)
           UNION ALL SELECT min(id::text)::uuid FROM invoice
           WHERE fiken_invoice_number IS NOT NULL
           GROUP BY fiken_invoice_number HAVING count(*) > 1""",
    ),
    rows(
        "B10",
        "billing",
        "Every signed webhook was handled or is none of our business",
        "SELECT id FROM stripe_event WHERE status = 'stored'",
    ),
    rows(
        "B12",
        "billing",
        "No alarm waits for a person",
        "SELECT kind || ' ' || subject FROM alarm WHERE resolved_at IS NULL",
    ),
    rows(
        "B13",
        "billing",
        "ProjectPaid was told once for each payment that stands, and for no other",
        """SELECT p.id FROM project_payment p LEFT JOIN outbox o
             ON o.routing_key = 'billing.project_paid.v1' AND o.body->>'payment_id' = p.id::text
             AND (o.body->>'amount_minor_units')::bigint = p.amount_minor_units
           GROUP BY p.workspace_id, p.id HAVING count(o.event_id)
             <> (p.status IN ('completed', 'refunded') OR p.method = 'invoice')::int""",
    ),
    rows(
        "B14",
        "billing",
        "InvoiceSent and InvoicePaid were told once for each invoice that is",
        """SELECT i.id FROM invoice i LEFT JOIN outbox o ON o.body->>'invoice_id' = i.id::text
           GROUP BY i.workspace_id, i.id
           HAVING count(*) FILTER (WHERE o.routing_key = 'billing.invoice_sent.v1')
                    <> (i.sent_at IS NOT NULL)::int
               OR count(*) FILTER (WHERE o.routing_key = 'billing.invoice_paid.v1')
                    <> (i.paid_at IS NOT NULL)::int""",
    ),
    rows(
        "B15",
        "billing",
        "No refund, invoice or credit note is half way",
        """SELECT id FROM refund WHERE status = 'pending' UNION ALL
           SELECT id FROM invoice WHERE status = 'sending' UNION ALL
           SELECT id FROM credit_note WHERE status = 'pending'""",
    ),
)
AFFILIATE = (
    rows(
        "A1",
        "affiliate",
        "Each settled source of a referred workspace earned once, others nothing",
        """SELECT s.source_id FROM settlement s LEFT JOIN affiliate_relationship r
             ON r.referred_workspace_id = s.workspace_id AND r.started_at <= s.settled_at
             AND coalesce(r.ended_at, 'infinity') > s.settled_at
           LEFT JOIN affiliate_earning e ON e.affiliate_relationship_id = r.id
             AND e.source_type = s.source_type AND e.source_id = s.source_id
             AND e.reversal_reference IS NULL
           GROUP BY s.source_type, s.source_id HAVING count(e.id) <> (count(r.id) > 0)::int
           UNION ALL
           SELECT e.source_id FROM affiliate_earning e LEFT JOIN settlement s
             ON s.source_type = e.source_type AND s.source_id = e.source_id
           WHERE s.source_id IS NULL""",
    ),
    rows(
        "A2",
        "affiliate",
        "An earning is its share of the net amount, half a unit rounded up",
        """SELECT e.id FROM affiliate_earning e JOIN settlement s
             ON s.source_type = e.source_type AND s.source_id = e.source_id
           WHERE e.reversal_reference IS NULL AND (e.currency <> s.currency
             OR e.base_amount_minor_units <> s.base_amount_minor_units
             OR e.earning_amount_minor_units
                <> (s.base_amount_minor_units * e.commission_percent + 50) / 100)""",
    ),
    rows(
        "A3",
        "affiliate",
        "What was taken back never exceeds what was earned",
        """SELECT source_id FROM affiliate_earning
           GROUP BY source_type, source_id, affiliate_relationship_id
           HAVING sum(earning_amount_minor_units) < 0""",
    ),
    rows(
        "A4",
        "affiliate",
        "Nobody refers himself, and a workspace has one active affiliate",
        """SELECT referred_workspace_id FROM affiliate_relationship WHERE is_active
           GROUP BY 1 HAVING count(*) > 1
             OR bool_or(affiliate_workspace_id = referred_workspace_id)""",
    ),
    rows(
        "A5",
        "affiliate",
        "An earning is paid out exactly when a payout holds it, and payouts add up",
        """SELECT id FROM affiliate_earning WHERE (status = 'paid_out') <> (payout_id IS NOT NULL)
           UNION ALL SELECT p.id FROM payout p LEFT JOIN affiliate_earning e ON e.payout_id = p.id
           GROUP BY p.id HAVING p.amount_minor_units
             <> coalesce(sum(e.earning_amount_minor_units), 0)""",
    ),
    rows(
        "A6",
        "affiliate",
        "Each commission was told once",
        """SELECT e.id FROM affiliate_earning e LEFT JOIN outbox o
             ON o.body->>'earning_id' = e.id::text
           GROUP BY e.id HAVING count(o.event_id) <> 1""",
    ),
)
