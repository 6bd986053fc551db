"""Secrets are shown to whom they belong and written nowhere else: logs, lists, failed starts."""

import json
import os
import re
import subprocess
import sys

import pytest

from local.infrastructure.place import REPOSITORY
from tests.security.belongings import make_sent
from tests.security.cast import Cast, impersonate
from tests.security.studio import Studio

SHAPES = {
    "a signed address": re.compile(r"X-Amz-(Signature|Credential)=", re.IGNORECASE),
    "a caller token": re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.eyJ"),
    "an API key": re.compile(r"ais_[a-z]+_[A-Za-z0-9]{8}[A-Za-z0-9_.-]{16,}"),
    "a webhook signature": re.compile(r"t=\d{10},v1=[0-9a-f]{64}"),
    "a private key": re.compile(r"BEGIN [A-Z ]*PRIVATE KEY"),
    "a password in a URL": re.compile(r"(postgresql|amqps?)\S*://[^:@\s/]+:[^@\s]+@"),
}
SECRET_NAMES = re.compile(r"KEY$|SECRET|TOKEN|PASSWORD")
NOT_SECRET = re.compile(r"PUBLIC_KEY$|ACCESS_KEY$")


def configured(studio: Studio) -> dict[str, str]:
    """Every secret in a process's environment, by name."""
    found = {}
    for program in studio.up.product.programs:
        for name, value in program.environment.items():
            if SECRET_NAMES.search(name) and not NOT_SECRET.search(name) and len(value) >= 12:
                found[name] = value
    return found


async def journey(studio: Studio, cast: Cast) -> None:
    """Everything that handles a secret, also where it is wrong."""
    owner = cast.people["owner"]
    person = await studio.sign_up("talkative")
    await studio.verify_mailbox(person)
    await studio.call("POST", "/v1/auth/password/forgot", None, {"email": person.email})
    token = await studio.mailed(person.email, 2)
    studio.secrets.add("canary-chosen-after-reset")
    body = {"token": token, "password": "canary-chosen-after-reset"}
    await studio.done("POST", "/v1/auth/password/reset", None, body)
    wrong = {"email": person.email, "password": "canary-wrong-password"}
    studio.secrets.add(wrong["password"])
    assert (await studio.call("POST", "/v1/auth/sign-in", None, wrong)).status_code == 401
    bad = {"email": person.email, "password": ["canary-in-a-list"], "token": "canary-token"}
    studio.secrets |= {"canary-in-a-list", "canary-token"}
    for path in ("/v1/auth/sign-in", "/v1/auth/sign-up", "/v1/auth/email/verify"):
        await studio.call("POST", path, None, bad)
    await impersonate(studio, owner)
    await make_sent(studio, owner, cast.ours.ids)
    for path in (f"/v1/images/{cast.ours.ids['image']}/download", "/v1/music-tracks"):
        await studio.done("GET", path, owner)
    forged = {"stripe-signature": f"t=1700000000,v1={'a' * 64}"}
    await studio.call("POST", "/webhooks/stripe", forged, {"id": "evt_1"})


async def test_no_log_line_holds_a_secret(studio: Studio, cast: Cast) -> None:
    await journey(studio, cast)
    log = studio.log.read_text()
    assert len(log.splitlines()) > 10
    leaks = [name for name, value in configured(studio).items() if value in log]
    leaks += [name for name, shape in SHAPES.items() if shape.search(log)]
    leaks += [f"{secret[:6]}…" for secret in studio.secrets if len(secret) > 8 and secret in log]
    assert len(studio.secrets) > 20
    assert leaks == []


async def test_no_public_fact_and_no_database_holds_a_mailed_or_session_secret(
    studio: Studio, cast: Cast
) -> None:
    """What identity stores is hashed; private facts are erased once they were published."""
    await journey(studio, cast)
    tables = await studio.sql(
        "identity", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    text = ""
    for row in tables:
        name = row["tablename"]
        private = " WHERE published_at IS NOT NULL" if name == "outbox" else ""
        rows = await studio.sql("identity", f'SELECT t::text AS line FROM "{name}" t{private}')
        text += "\n".join(row["line"] for row in rows)
    assert len(text) > 10_000
    assert [f"{s[:6]}…" for s in studio.secrets if len(s) > 8 and s in text] == []


async def test_no_answer_to_a_person_tells_how_it_is_made(studio: Studio) -> None:
    for path in ("/v1/nothing", "/v1/projects/x", "/openapi.json", "/v1/auth/sign-in"):
        answer = await studio.call("GET", path)
        text = json.dumps(dict(answer.headers)) + answer.text
        assert not re.search(r"Traceback|asyncpg|sqlalchemy|/site-packages/|127\.0\.0\.1:81", text)


SERVICES = ("gateway", "identity", "imaging", "video", "billing", "affiliate", "notifications")


@pytest.mark.parametrize("service", SERVICES)
def test_a_start_that_fails_for_a_missing_setting_prints_no_other_one(
    studio: Studio, service: str
) -> None:
    environment = dict(studio.environment(service))
    missing = "GATEWAY_IDENTITY_URL" if service == "gateway" else f"{service.upper()}_DATABASE_URL"
    environment.pop(missing)
    program = f"from services.{service}.settings import Settings; Settings()"
    tried = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**environment, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert tried.returncode != 0
    said = tried.stdout + tried.stderr
    assert "validation error" in said
    values = [v for n, v in environment.items() if SECRET_NAMES.search(n) and len(v) > 8]
    assert not [value[:4] for value in [*values, "PRIVATE KEY"] if value in said]
    assert not SHAPES["a password in a URL"].search(said)
