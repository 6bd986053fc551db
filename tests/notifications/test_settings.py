"""A notifications service that could be told lies does not start."""

import pytest
from pydantic import ValidationError

from chassis.testing import make_key_pair
from services.notifications.settings import Settings

KNOWN = {
    "database_url": "postgresql+asyncpg://canary-secret@h/d",
    "rabbitmq_url": "amqp://canary-secret@h/",
    "caller_public_key": make_key_pair().public_key,
    "resend_api_key": "re_canary-secret",
    "resend_webhook_secret": f"whsec_canary-secret{'A' * 32}",
    "public_url": "https://studio.example",
}


@pytest.mark.parametrize("name", ["resend_api_key", "resend_webhook_secret"])
@pytest.mark.parametrize("value", ["", "short", None])
def test_without_its_secrets_it_does_not_start(name: str, value: str | None) -> None:
    given = {key: known for key, known in KNOWN.items() if key != name}
    if value is not None:
        given[name] = value
    with pytest.raises(ValidationError, match=name) as caught:
        Settings(**given)  # type: ignore[arg-type]
    assert "canary-secret" not in str(caught.value)
    Settings(**KNOWN)  # type: ignore[arg-type]
