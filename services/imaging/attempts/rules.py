"""What may become of an attempt; no I/O."""

from services.imaging.tables import ANSWERED_STATES, OPEN_STATES

TRANSITIONS: dict[str, frozenset[str]] = {
    # Sent, or about to be: a crash here is an unknown outcome.
    "submitting": frozenset(
        {"submitted", "unknown", "answered", "refused", "failed", "discarded", "cancelled"}
    ),
    "submitted": frozenset({"answered", "discarded", "cancelled"}),
    "unknown": frozenset({"answered", "abandoned", "discarded", "cancelled"}),
    # Given up and submitted again, yet a webhook may still bring its result first.
    "abandoned": frozenset({"answered", "discarded", "cancelled"}),
    "answered": frozenset({"succeeded", "failed", "discarded", "cancelled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "refused": frozenset(),
    "cancelled": frozenset(),
    "discarded": frozenset(),
}
LIVE_STATES = (*OPEN_STATES, "answered")
MOST_BACKOFF_SECONDS = 60.0


def can_become(state: str, wanted: str) -> bool:
    return wanted in TRANSITIONS[state]


def takes_outcome(state: str, *, other_answered: bool) -> str:
    """The state an outcome leads to: the first answer counts, later ones only cost."""
    if not can_become(state, "answered"):
        return state
    return "discarded" if other_answered else "answered"


def may_submit(states: list[str], *, most_attempts: int) -> bool:
    """Nothing is running or answered, and there is an attempt left."""
    busy = any(state in LIVE_STATES or state in ANSWERED_STATES for state in states)
    return not busy and len(states) < most_attempts


def may_resubmit_unknown(abandoned: int, *, most: int) -> bool:
    """An ambiguous submission is repeated once; a second one waits for its webhook."""
    return abandoned < most


def backoff_seconds(number: int, base: float, told: float | None) -> float:
    """Before the next attempt; `number` counts from 1, `told` is the vendor's Retry-After."""
    return min(MOST_BACKOFF_SECONDS, max(base * 2.0 ** (number - 1), told or 0.0))
