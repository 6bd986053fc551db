"""Exceptions to the rules of test_architecture.py, each with its reason."""

MAY_PUBLISH = {
    "chassis/relay.py": "the only way a fact leaves a service",
    "chassis/retries.py": "moves a message of ours to its waiting room or to the dead letters",
    "chassis/dead_letters.py": "sends a dead letter back to the queue it failed in",
}

EXTRA_FOLDERS = {
    "video/media": "FFmpeg's work on pixels and sound: no door, no table, so none of the six names",
}

_ADMINISTRATOR = "administrators look at every workspace"
_SWEEPER = "a sweeper looks for what is overdue, whoever's it is"
_WEBHOOK = "a webhook names an attempt or a payment, and no workspace"
_ENTRY = "before sign-in nobody has a workspace yet"

ACROSS_WORKSPACES = {
    "services/affiliate/relationships/api.py": _ADMINISTRATOR,
    "services/affiliate/relationships/use_cases.py": "a relationship joins two workspaces",
    "services/billing/invoices/api.py": _ADMINISTRATOR,
    "services/billing/invoices/use_cases/settle.py": _SWEEPER,
    "services/billing/payments/api.py": _ADMINISTRATOR,
    "services/billing/payments/use_cases/settle.py": _WEBHOOK,
    "services/billing/payments/use_cases/stripe_events.py": _WEBHOOK,
    "services/billing/payments/use_cases/sweeps.py": _SWEEPER,
    "services/identity/accounts/use_cases/entry.py": _ENTRY,
    "services/identity/accounts/use_cases/founding.py": _ENTRY,
    "services/identity/accounts/use_cases/mailbox.py": _ENTRY,
    "services/identity/accounts/use_cases/passwords.py": _ENTRY,
    "services/identity/accounts/use_cases/providers.py": _ENTRY,
    "services/identity/accounts/use_cases/signing_up.py": _ENTRY,
    "services/identity/administration/api.py": _ADMINISTRATOR,
    "services/identity/administration/use_cases/people.py": _SWEEPER,
    "services/identity/administration/use_cases/standing.py": _SWEEPER,
    "services/identity/dependencies.py": _ENTRY,
    "services/identity/members/use_cases/inviting.py": "whoever holds the mail is no member yet",
    "services/identity/sessions/api.py": "a token or key says which workspace it belongs to",
    "services/identity/worker.py": _SWEEPER,
    "services/imaging/attempts/api.py": _WEBHOOK,
    "services/imaging/sweeps.py": _SWEEPER,
    "services/notifications/mails/api.py": _ADMINISTRATOR,
    "services/notifications/mails/use_cases.py": _WEBHOOK,
    "services/notifications/worker.py": _SWEEPER,
    "services/video/generation/api.py": _WEBHOOK,
    "services/video/music/use_cases.py": "the music catalogue belongs to no workspace",
    "services/video/sweeps.py": _SWEEPER,
}

_STRIPE = "Stripe's events are stored before anybody knows whose they are"
_CATALOGUE = "the music catalogue belongs to no workspace"
_PERSON = "a person's way in belongs to the person, not to a workspace"
_KIND = "one query for two tables: the table comes first, the workspace second"
_EVENT = "the row is the event's own content, its workspace included"

# Besides those whose docstring says that they look across workspaces.
UNSCOPED_QUERIES = {
    "services/affiliate/payouts/repository.py add_payout": "the body names the affiliate's own",
    "services/affiliate/relationships/repository.py find_workspace_by_code": "codes are public",
    "services/affiliate/relationships/repository.py lock_referrals": "one lock for all referrals",
    "services/billing/payments/repository.py add_stripe_event": _STRIPE,
    "services/billing/payments/repository.py find_stripe_event": _STRIPE,
    "services/billing/payments/repository.py list_stored_events": _STRIPE,
    "services/identity/accounts/repository.py end_tokens": _PERSON,
    "services/identity/accounts/repository.py find_account": _PERSON,
    "services/identity/accounts/repository.py use_token": _PERSON,
    "services/identity/administration/repository.py search_users": _ADMINISTRATOR,
    "services/identity/administration/repository.py search_workspaces": _ADMINISTRATOR,
    "services/video/clips/repository.py offer_image": _EVENT,
    "services/video/music/repository.py add_track": _CATALOGUE,
    "services/video/music/repository.py find_track": _CATALOGUE,
    "services/video/music/repository.py list_tracks": _CATALOGUE,
    "services/video/rendering/repository.py find_unit": _KIND,
    "services/video/rendering/repository.py lease": _KIND,
}
