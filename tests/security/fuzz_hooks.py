"""Loaded by schemathesis: who sends each request, about what, and a reading of the answers."""

import json
import os
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

import httpx
import schemathesis
from schemathesis.generation.meta import TestPhase

GATEWAY = os.environ.get("FUZZ_GATEWAY", "")
SESSIONS: dict[str, str] = json.loads(os.environ.get("FUZZ_SESSIONS", "{}"))
"""The owner's, the administrator's, and those that belong to one operation's example."""
KNOWN: dict[str, dict[str, str]] = json.loads(os.environ.get("FUZZ_KNOWN", "{}"))
"""Operation → path parameter → the id of a thing that is there."""
SPARED: dict[str, str] = json.loads(os.environ.get("FUZZ_SPARED", "{}"))
"""Ids that administrators meet in answers and must leave alone → others that they may act on."""
SPARES: dict[str, list[dict[str, Any]]] = json.loads(os.environ.get("FUZZ_SPARES", "{}"))
"""Operation → examples, each good for one call: where nothing made up is ever accepted."""
REACHED = Path(os.environ.get("FUZZ_REACHED", os.devnull))
"""A line for each operation that answered with a 2xx."""
KEY = "Idempotency-Key"
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
BEYOND_SCHEMAS = ("not a Norwegian organisation number", "special-use or reserved name")
"""A check digit; a domain that exists in examples only."""
_reached: set[str] = set()
_given: set[tuple[str, TestPhase]] = set()
_lock = Lock()


@schemathesis.auth(refresh_interval=None)
class Session:
    """The example's own, the owner's, the administrator's, or that of a newcomer not missed."""

    def get(self, case: Any, context: Any) -> str:
        path, own = context.operation.path, SESSIONS.get(context.operation.label)
        if own is not None and _phase(case) == TestPhase.EXAMPLES:
            return own
        if path in ENDS_SOMETHING:
            return _newcomer() if _is_valid(case) else _somebody()
        return SESSIONS["administrator" if path.startswith("/v1/admin/") else "owner"]

    def set(self, case: Any, data: str, _: Any) -> None:
        case.cookies = {**(case.cookies or {}), "session": data}


def _phase(case: Any) -> TestPhase | None:
    return case.meta.phase.name if case.meta is not None else None


def _is_valid(case: Any) -> bool:
    generation = case.meta.generation if case.meta is not None else None
    return generation is not None and bool(generation.mode.is_positive)


@cache
def _somebody() -> str:
    """Whoever asks for what is refused need not be new each time."""
    return _newcomer()


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


@schemathesis.hook
def before_call(_: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Random ids lead nowhere: valid random bodies are sent about things that are there."""
    spare = _spare(case)
    if spare is not None:
        _send_instead(spare, case, kwargs)
        return
    if case.operation.path.startswith("/v1/admin/") and case.path_parameters:
        named = case.path_parameters.items()
        case.path_parameters = {name: SPARED.get(str(value), value) for name, value in named}
    if KEY in (case.headers or {}) and _is_valid(case):
        # Made up ones come again with other bodies, and then nothing but the key is looked at.
        case.headers = {**case.headers, KEY: uuid4().hex}
    known = KNOWN.get(case.operation.label)
    if known and _phase(case) == TestPhase.FUZZING and _is_valid(case):
        case.path_parameters = {**case.path_parameters, **known}


def _spare(case: Any) -> dict[str, Any] | None:
    """For the first valid case of an operation in each phase."""
    label, phase = case.operation.label, _phase(case)
    if phase not in (TestPhase.COVERAGE, TestPhase.FUZZING) or not _is_valid(case):
        return None
    with _lock:
        if (label, phase) in _given or not SPARES.get(label):
            return None
        _given.add((label, phase))
        return SPARES[label].pop()


def _send_instead(spare: dict[str, Any], case: Any, kwargs: dict[str, Any]) -> None:
    case.path_parameters = spare["path"]
    if spare["session"]:
        case.cookies = {"session": spare["session"]}
    if spare["headers"]:
        case.headers = {**(case.headers or {}), **spare["headers"]}
        kwargs["data"] = spare["body"]
    elif spare["body"] is not None:
        case.body = spare["body"]


@schemathesis.hook
def after_call(_: Any, case: Any, response: Any) -> None:
    label = case.operation.label
    if 200 <= response.status_code < 300 and case.method == case.operation.method.upper():
        with _lock:
            if label not in _reached:
                _reached.add(label)
                with REACHED.open("a") as file:
                    file.write(f"{label}\n")


@schemathesis.check
def valid_data_is_never_called_invalid(_: Any, response: Any, case: Any) -> None:
    """A 422 on what the schema allows must be a reason of its own, not a failed validation."""
    if not _is_valid(case) or response.status_code != 422:
        return
    errors = response.json().get("errors", [])
    # In a path stateful testing tries whatever an earlier answer held.
    invalid = [
        error
        for error in errors
        if error["field"][0] != "path"
        and not any(reason in error["message"] for reason in BEYOND_SCHEMAS)
    ]
    if invalid:
        raise AssertionError(f"the schema allows what validation refuses: {invalid}")
