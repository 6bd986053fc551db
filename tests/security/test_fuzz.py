"""Bad input and odd input through the gateway: schemathesis finds nothing to complain about."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.infrastructure.place import REPOSITORY
from tests.security.belongings import ORGANIZATION_NUMBERS, furnish
from tests.security.examples import make_examples, make_spares
from tests.security.matrix import operations_of
from tests.security.operations import PARAMETERS, call_of
from tests.security.studio import Studio
from tests.security.works import Example

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "2")
"""Cases for each operation and phase; a night's run takes 50."""
SEED = os.environ.get("FUZZ_SEED", "")
"""Empty: the same cases on every run. A number: others, and the same again for that number."""
SECONDS = int(os.environ.get("FUZZ_SECONDS", "420"))
"""A bound for a run that hangs; how far a run gets must not depend on how fast it is."""
ENDLESS = "/v1/events"
"""A stream: schemathesis would wait for its end. tests/gateway/test_progress.py reads it."""
PHASES_AFTER_EXAMPLES = 2


def known_ids(operation: str, document: dict[str, Any], example: Example) -> dict[str, str]:
    """Path parameter → id."""
    method, _, path = operation.partition(" ")
    named = PARAMETERS | dict(call_of(operation).names)
    parameters = document["paths"][path][method.lower()].get("parameters", ())
    found = {p["name"]: example.ids.get(named.get(p["name"], "")) for p in parameters}
    return {name: known for name, known in found.items() if known is not None}


def with_examples(document: dict[str, Any], examples: dict[str, Example]) -> dict[str, Any]:
    """The document as a caller knows it who has things: valid ids and bodies beside the schemas."""
    for name, example in examples.items():
        method, _, path = name.partition(" ")
        operation, known = (
            document["paths"][path][method.lower()],
            known_ids(name, document, example),
        )
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path" and parameter["name"] in known:
                parameter["example"] = known[parameter["name"]]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            if example.body is not None:
                content["example"] = example.body
    return document


def sent(operation: str, document: dict[str, Any], spare: Example) -> dict[str, Any]:
    """What the hooks send in place of a generated case."""
    return {
        "path": known_ids(operation, document, spare),
        "body": spare.body,
        "session": spare.session,
        "headers": spare.headers,
    }


@dataclass
class Fuzzed:
    """What schemathesis said, and which operations answered with a 2xx."""

    code: int
    said: str
    reached: set[str]


@pytest.mark.timeout(SECONDS + 120)
async def test_schemathesis_finds_no_failure_and_gets_everywhere(
    studio: Studio, tmp_path: Path
) -> None:
    document = await studio.done("GET", "/openapi.json")
    document["paths"].pop(ENDLESS)
    operations = operations_of(document)
    # A workspace of its own: much of it is deleted or suspended on the way.
    owner = await studio.sign_up("fuzzed")
    ours = await furnish(studio, owner, ORGANIZATION_NUMBERS[-2])
    examples = await make_examples(studio, ours, operations)
    # The examples are used up first; these things are there for what comes after them.
    lasting = Example(await ours.fresh("user", "banned", "workspace"))
    known = {name: known_ids(name, document, lasting) for name in operations if _keeps(name)}
    sessions = {name: example.session for name, example in examples.items() if example.session}
    sessions["owner"] = owner.session
    sessions["administrator"] = (await studio.administrator()).session
    spared = {owner.workspace_id: lasting.ids["workspace"], owner.member_id: lasting.ids["user"]}
    spares = {
        name: [sent(name, document, spare) for spare in some]
        for name, some in (await make_spares(studio, ours, PHASES_AFTER_EXAMPLES)).items()
    }
    world = {
        "FUZZ_SESSIONS": sessions,
        "FUZZ_KNOWN": known,
        "FUZZ_SPARED": spared,
        "FUZZ_SPARES": spares,
    }
    place = tmp_path / "openapi.json"
    place.write_text(json.dumps(with_examples(document, examples)))
    fuzzed = await run_schemathesis(studio, place, world, tmp_path)
    report = REPOSITORY / "out" / "security" / "schemathesis.txt"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(fuzzed.said)
    assert fuzzed.code == 0, fuzzed.said[-6000:]
    assert operations - fuzzed.reached == set()


def _keeps(operation: str) -> bool:
    """Whether what it names is still there afterwards."""
    return not operation.startswith("DELETE ")


async def run_schemathesis(
    studio: Studio, document: Path, world: dict[str, Any], folder: Path
) -> Fuzzed:
    config = ("--config-file", str(Path(__file__).parent / "schemathesis.toml"))
    command = (sys.executable, "-m", "schemathesis.cli", *config, "run", str(document))
    seeded = ("--seed", SEED, "--generation-database", "none")
    chosen = seeded if SEED else ("--generation-deterministic",)
    options = ("--url", studio.gateway, "--phases", "examples,coverage,fuzzing,stateful")
    # One worker: the same order on every run, and Python 3.11 parses no two sources in two threads.
    quiet = ("--no-color", "--continue-on-failure", "--no-shrink", "--workers", "1")
    bounded = ("-n", EXAMPLES, "--request-timeout", "10")
    reached_by = folder / "reached.txt"
    reached_by.touch()
    environment = {
        **os.environ,
        **{name: json.dumps(value) for name, value in world.items()},
        "SCHEMATHESIS_HOOKS": "tests.security.fuzz_hooks",
        "PYTHONPATH": str(REPOSITORY),
        "FUZZ_GATEWAY": studio.gateway,
        "FUZZ_REACHED": str(reached_by),
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        *chosen,
        *options,
        *quiet,
        *bounded,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS):
        said, _ = await process.communicate()
    reached = reached_by.read_text().splitlines()
    return Fuzzed(process.returncode or 0, said.decode(), set(reached))
