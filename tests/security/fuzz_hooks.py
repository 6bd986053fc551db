"""Loaded by schemathesis: who sends each request, and a reading of its reports."""

import json
import os
from typing import Any
from uuid import uuid4

import httpx
import schemathesis

GATEWAY = os.environ.get("FUZZ_GATEWAY", "")
SESSIONS: dict[str, str] = json.loads(os.environ.get("FUZZ_SESSIONS", "{}"))
ENDS_SOMETHING = (
    "/v1/auth/sign-out",
    "/v1/auth/impersonation/stop",
    "/v1/auth/password/change",
    "/v1/auth/email/change",
    "/v1/sessions",
    "/v1/sessions/{session_id}",
    "/v1/workspace/closing",
    "/v1/members/{member_id}/ownership",
    "/v1/invitations/accept",
)


@schemathesis.auth(refresh_interval=None)
class Session:
    """The owner's, the administrator's, or that of somebody who will not be missed."""

    def get(self, _: Any, context: Any) -> str:
        path = context.operation.path
        if path in ENDS_SOMETHING:
            return _newcomer()
        return SESSIONS["administrator" if path.startswith("/v1/admin/") else "owner"]

    def set(self, case: Any, data: str, _: Any) -> None:
        case.cookies = {**(case.cookies or {}), "session": data}


def _newcomer() -> str:
    body = {
        "name": "Newcomer",
        "email": f"{uuid4().hex}@ai-studio.example",
        "password": uuid4().hex,
    }
    with httpx.Client(base_url=GATEWAY, trust_env=False, timeout=20) as client:
        answer = client.post("/v1/auth/sign-up", json=body)
        answer.raise_for_status()
        return answer.cookies["session"]


@schemathesis.check
def valid_data_is_never_called_invalid(_: Any, response: Any, case: Any) -> None:
    """A 422 on what the schema allows must be a reason of its own, not a failed validation."""
    generation = case.meta.generation if case.meta is not None else None
    if generation is None or not generation.mode.is_positive or response.status_code != 422:
        return
    errors = response.json().get("errors", [])
    # In a path stateful testing tries whatever an earlier answer held.
    invalid = [error for error in errors if error["field"][0] != "path"]
    if invalid:
        raise AssertionError(f"the schema allows what validation refuses: {invalid}")
