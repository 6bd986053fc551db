"""Bad input and odd input through the gateway: schemathesis finds nothing to complain about."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from local.infrastructure.place import REPOSITORY
from tests.security.belongings import ORGANIZATION_NUMBERS, furnish
from tests.security.operations import PARAMETERS, body_of, call_of
from tests.security.studio import Studio

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "2")
"""Cases for each operation and phase; a night's run takes 50."""
SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
ENDLESS = "/v1/events"
"""A stream: schemathesis would wait for its end. tests/gateway/test_progress.py reads it."""


def with_examples(document: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """The document as a caller knows it who has things: valid ids and bodies beside the schemas."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            named = PARAMETERS | dict(call_of(name).names)
            for parameter in operation.get("parameters", ()):
                known = ids.get(named.get(parameter["name"], ""))
                if parameter["in"] == "path" and known is not None:
                    parameter["example"] = known
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if (body := body_of(name, ids)) is not None:
                    content["example"] = body
    return document


async def test_schemathesis_finds_no_failure(studio: Studio, tmp_path: Path) -> None:
    document = await studio.done("GET", "/openapi.json")
    document["paths"].pop(ENDLESS)
    # A workspace of its own: much of it is deleted or suspended on the way.
    owner = await studio.sign_up("fuzzed")
    ours = await furnish(studio, owner, ORGANIZATION_NUMBERS[3])
    ids = await ours.fresh("user", "workspace")
    ids["owner"], ids["affiliate"] = owner.member_id, owner.workspace_id
    place = tmp_path / "openapi.json"
    place.write_text(json.dumps(with_examples(document, ids)))
    sessions = {
        "owner": owner.session,
        "administrator": (await studio.administrator()).session,
    }
    code, said = await run_schemathesis(studio, place, sessions, tmp_path)
    report = REPOSITORY / "out" / "security" / "schemathesis.txt"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(said)
    assert code == 0, said[-6000:]


async def run_schemathesis(
    studio: Studio, document: Path, sessions: dict[str, str], folder: Path
) -> tuple[int, str]:
    """Its exit code and what it printed."""
    config = ("--config-file", str(Path(__file__).parent / "schemathesis.toml"))
    command = ("-m", "schemathesis.cli", *config, "run")
    arguments = (*command, str(document), "--url", studio.gateway)
    options = ("--phases", "examples,coverage,fuzzing,stateful", "-n", EXAMPLES)
    quiet = ("--no-color", "--generation-deterministic", "--continue-on-failure", "--no-shrink")
    bounded = ("--request-timeout", "10", "--max-time", str(SECONDS), "--workers", "2")
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.security.fuzz_hooks",
        "PYTHONPATH": str(REPOSITORY),
        "FUZZ_GATEWAY": studio.gateway,
        "FUZZ_SESSIONS": json.dumps(sessions),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        *options,
        *quiet,
        *bounded,
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS + 60):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()
