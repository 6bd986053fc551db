"""The list of attacks names tests that exist: one renamed or dropped is missed here."""

import ast
import re

import pytest

from local.infrastructure.place import REPOSITORY

TESTS = REPOSITORY / "tests"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
ATTACKS = [
    line.strip("|").split("|")
    for line in (TESTS / "security" / "attacks.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| attack |")
]


@pytest.mark.parametrize(("attack", "tests"), ATTACKS, ids=lambda cell: cell.strip()[:60])
def test_the_attack_has_its_tests(attack: str, tests: str) -> None:
    named = NAMED.findall(tests)
    assert named, attack
    for file, name in named:
        tree = ast.parse((TESTS / file).read_text())
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert name in {node.name for node in tree.body if isinstance(node, kinds)}, file
