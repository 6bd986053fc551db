"""Workspaces, people, sessions and invitations."""

from tests.chaos.invariants.invariant import rows

IDENTITY = (
    rows(
        "I1",
        "identity",
        "Every workspace that is not closed has exactly one owner",
        """SELECT w.id FROM workspace w LEFT JOIN "user" u
             ON u.workspace_id = w.id AND u.role = 'owner'
           WHERE w.deleted_at IS NULL GROUP BY w.id HAVING count(u.id) <> 1""",
    ),
    rows(
        "I1b",
        "identity",
        "Everybody has one of three roles, and nobody is of a closed workspace",
        """SELECT u.id FROM "user" u LEFT JOIN workspace w ON w.id = u.workspace_id
           WHERE u.role NOT IN ('owner', 'admin', 'member') OR w.deleted_at IS NOT NULL
             OR (w.id IS NULL AND u.workspace_id IS NOT NULL)""",
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
        "I4",
        "identity",
        "Who impersonates is an administrator, their target is none, for an hour, on the record",
        """SELECT s.id FROM session s JOIN "user" target ON target.id = s.user_id
             LEFT JOIN "user" a ON a.id = s.impersonated_by
           WHERE s.impersonated_by IS NOT NULL AND s.expires_at > now()
             AND (a.is_system_admin IS NOT TRUE OR target.is_system_admin
               OR s.expires_at > s.created_at + interval '60 minutes'
               OR NOT EXISTS (SELECT FROM audit_entry e WHERE e.workspace_id = s.workspace_id
                 AND e.action = 'impersonation.started' AND e.subject_id = s.user_id
                 AND e.actor->>'id' = s.impersonated_by::text))""",
    ),
    rows(
        "I5",
        "identity",
        "An accepted invitation made one member, in time",
        """SELECT i.id FROM invitation i LEFT JOIN audit_entry e ON e.workspace_id = i.workspace_id
             AND e.action = 'member.joined' AND e.details->>'invitation_id' = i.id::text
           WHERE i.accepted_at IS NOT NULL
           GROUP BY i.id HAVING count(e.id) <> 1 OR i.accepted_at > i.expires_at""",
    ),
    rows(
        "I5b",
        "identity",
        "Who joined had the invited mailbox, verified",
        """SELECT u.id FROM invitation i JOIN audit_entry e ON e.workspace_id = i.workspace_id
             AND e.action = 'member.joined' AND e.details->>'invitation_id' = i.id::text
             JOIN "user" u ON u.id = e.subject_id AND u.workspace_id = i.workspace_id
           WHERE NOT u.email_verified OR (u.email <> i.email AND NOT EXISTS
             (SELECT FROM audit_entry c WHERE c.workspace_id = i.workspace_id
               AND c.action = 'user.email_changed' AND c.subject_id = u.id))""",
    ),
    rows(
        "I5c",
        "identity",
        "A mailbox has one open invitation to a workspace at most, and none to own it",
        """SELECT min(id::text) FROM invitation WHERE accepted_at IS NULL AND revoked_at IS NULL
           GROUP BY workspace_id, lower(normalize(email, NFKC)) HAVING count(*) > 1
           UNION ALL SELECT id::text FROM invitation WHERE role NOT IN ('admin', 'member')""",
    ),
    rows(
        "I6",
        "identity",
        "Tokens and passwords are stored as hashes only",
        """SELECT id FROM session WHERE octet_length(token_hash) <> 32
             OR octet_length(return_hash) <> 32
           UNION ALL SELECT id FROM api_key WHERE octet_length(key_hash) <> 32
           UNION ALL SELECT id FROM invitation WHERE octet_length(token_hash) <> 32
           UNION ALL SELECT id FROM verification WHERE octet_length(token_hash) <> 32
           UNION ALL SELECT id FROM account WHERE password_hash !~ '^[$](argon2id|2[aby])[$]'""",
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
        "The audit log is whole: numbered without a gap, each entry seals the one before",
        """SELECT id FROM (SELECT id, position, previous_hash,
             row_number() OVER w AS place, lag(hash) OVER w AS sealed
             FROM audit_entry WINDOW w AS (PARTITION BY workspace_id ORDER BY position)) e
           WHERE position <> place OR (sealed IS NOT NULL AND sealed <> previous_hash)
           UNION ALL SELECT id FROM workspace w WHERE audit_length <>
             (SELECT count(*) FROM audit_entry e WHERE e.workspace_id = w.id)""",
    ),
)
