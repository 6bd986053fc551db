"""The Idempotency-Key store: the first answer to a key is the only one, for 24 hours."""

import hashlib
import json

from local.vendors.store import Document
from local.vendors.stripe.account import Account
from local.vendors.stripe.errors import StripeError
from local.vendors.stripe.params import Params

KIND = "idempotency_key"
LIVES_SECONDS = 24 * 3600
# These are not stored, so a repetition of the key may do the work.
NOTHING_BEGAN = frozenset({400, 401, 403, 404, 409, 429})


def fingerprint(path: str, params: Params) -> str:
    return hashlib.sha256(json.dumps([path, params], sort_keys=True).encode()).hexdigest()


class IdempotencyKeys:
    """Which keys are being worked on now, and what was answered to the finished ones."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._busy: set[str] = set()

    def begin(self, key: str, request: str) -> Document | None:
        """The stored answer, or None to go to work; raises for other parameters or a race."""
        stored = self._account.store.get(KIND, _id(key))
        if stored and stored["created"] > self._account.now() - LIVES_SECONDS:
            if stored["request"] != request:
                message = (
                    "Keys for idempotent requests can only be used with the same parameters"
                    f" they were first used with. Try using a key other than '{key}'."
                )
                raise StripeError(400, "idempotency_error", message)
            return stored
        if key in self._busy:
            message = "There is currently another in-progress request using this Idempotent Key."
            code = "idempotency_key_in_use"
            raise StripeError(409, "idempotency_error", message, code=code)
        self._busy.add(key)
        return None

    def keep(self, key: str, request: str, request_id: str, answer: tuple[int, Document]) -> None:
        """Store an answer in the transaction that did the work."""
        status, body = answer
        stored = {
            "request": request,
            "request_id": request_id,
            "status": status,
            "body": body,
            "created": self._account.now(),
        }
        self._account.store.put(KIND, _id(key), stored)

    def end(self, key: str) -> None:
        self._busy.discard(key)


def _id(key: str) -> str:
    return f"{KIND}:{key}"
