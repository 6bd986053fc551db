"""Workspaces, people and sessions."""

from tests.chaos.invariants.invariant import rows

IDENTITY = (
    rows(
        "I1",
        "identity",
        "Every workspace has exactly one owner",
        """SELECT w.id FROM workspace w LEFT JOIN "user" u
             ON u.workspace_id = w.id AND u.role = 'owner'
           GROUP BY w.id HAVING count(u.id) <> 1""",
    ),
    rows(
        "I2",
        "identity",
        "No two people have the same address",
        """SELECT min(id::text) FROM "user" GROUP BY lower(normalize(email, NFKC))
           HAVING count(*) > 1""",
    ),
    rows(
        "I3",
        "identity",
        "Nobody who is banned or has left has a session",
        """SELECT s.id FROM session s LEFT JOIN "user" u
             ON u.id = s.user_id AND u.workspace_id = s.workspace_id
           WHERE s.expires_at > now() AND (u.id IS NULL
             OR (u.banned AND coalesce(u.ban_expires_at, 'infinity') > now()))""",
    ),
    rows(
        "I6",
        "identity",
        "Tokens are stored as hashes only",
        """SELECT id FROM session WHERE octet_length(token_hash) <> 32 UNION ALL
           SELECT id FROM api_key WHERE octet_length(key_hash) <> 32 UNION ALL
           SELECT id FROM invitation WHERE octet_length(token_hash) <> 32""",
    ),
    rows(
        "I7",
        "identity",
        "A suspension says since when and why",
        """SELECT id FROM workspace WHERE (status = 'suspended')
             <> (suspended_at IS NOT NULL AND suspended_reason IS NOT NULL)""",
    ),
    rows(
        "I8",
        "identity",
        "Each workspace's creation was told once",
        """SELECT w.id FROM workspace w LEFT JOIN outbox o
             ON o.workspace_id = w.id AND o.routing_key = 'identity.workspace_created.v1'
           GROUP BY w.id HAVING count(o.event_id) <> 1""",
    ),
    rows(
        "I9",
        "identity",
        "The audit log is numbered without a gap and each entry seals the one before",
        """SELECT id FROM (SELECT id, position, previous_hash,
             row_number() OVER w AS place, lag(hash) OVER w AS sealed
             FROM audit_entry WINDOW w AS (PARTITION BY workspace_id ORDER BY position)) e
           WHERE position <> place OR (sealed IS NOT NULL AND sealed <> previous_hash)""",
    ),
)
