"""What clients translate: every refusal has a code, and docs/problem-codes.md lists them all."""

import importlib
import re
from collections import defaultdict

from chassis.errors import Refusal
from tests.test_architecture import ROOT, name_of, sources

LIST = ROOT / "docs" / "problem-codes.md"
BESIDE = {
    "invalid_request": (422, "The request is not valid; `errors` names the fields"),
    "method_not_allowed": (405, "Method Not Allowed"),
    "internal_error": (500, "Something broke on our side"),
}
"""Answered by chassis/errors.py without a class."""
HEAD = """# Codes of refusals

The `code` of a problem document is stable and made to be translated; `title` is its English.
One line for each, generated: `tests/gateway/test_codes.py` writes `out/problem-codes.md`.

| code | status | title |
|---|---|---|
"""


def refusals() -> set[type[Refusal]]:
    for path in sources("chassis", "services"):
        importlib.import_module(name_of(path).removesuffix(".py").replace("/", "."))
    found, open_ones = set(), [Refusal]
    while open_ones:
        kinds = open_ones.pop().__subclasses__()
        open_ones += kinds
        found |= {kind for kind in kinds if kind.__module__.startswith(("chassis.", "services."))}
    # A base without a code of its own is never answered.
    return {kind for kind in found if not kind.__subclasses__() or kind.code != Refusal.code}


def listed() -> str:
    titles: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for kind in refusals():
        titles[kind.code].add((kind.status, kind.title))
    for code, meaning in BESIDE.items():
        titles[code].add(meaning)
    rows = [
        f"| `{code}` | {status} | {title} |"
        for code in sorted(titles)
        for status, title in sorted(titles[code])
    ]
    return HEAD + "\n".join(rows) + "\n"


def test_every_refusal_has_a_code_of_its_own() -> None:
    found = refusals()
    assert len(found) > 60
    assert [kind for kind in found if not re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)] == []
    assert [kind for kind in found if kind.code == Refusal.code] == []


def test_the_list_clients_translate_from_is_complete() -> None:
    now = listed()
    (ROOT / "out").mkdir(exist_ok=True)
    (ROOT / "out" / "problem-codes.md").write_text(now)
    assert LIST.read_text() == now, "copy out/problem-codes.md over docs/problem-codes.md"
