"""Settings keep their secrets to themselves."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings, StorageSettings
from chassis.testing import make_key_pair
from tests.chassis.bench import Bench


def make_rsa_key() -> str:
    public = rsa.generate_private_key(65537, 2048).public_key()
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


class Settings(ServiceSettings):
    """Prefix `SAMPLE_`, as a service's own."""

    model_config = SettingsConfigDict(env_prefix="SAMPLE_", extra="ignore", frozen=True)

    service: str = "sample"


def test_secrets_do_not_print(bench: Bench) -> None:
    storage = StorageSettings(
        endpoint_url="http://s3", bucket="media", access_key="a", secret_key="hunter2"
    )
    shown = f"{storage} {storage!r} {storage.model_dump_json()} {bench.settings!r}"
    assert "hunter2" not in shown
    assert bench.url not in shown


def test_missing_variable_prints_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_DATABASE_URL", "postgresql://me:hunter2@host/db")
    monkeypatch.setenv("SAMPLE_PREFETCH", "hunter2")
    monkeypatch.setenv("STORAGE_SECRET_KEY", "hunter2")
    for settings in (Settings, StorageSettings):
        with pytest.raises(ValidationError) as missing:
            settings()
        assert "hunter2" not in str(missing.value)
        assert "Field required" in str(missing.value)


def test_settings_read_their_own_prefix_and_never_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_DATABASE_URL", "postgresql://me@host/db")
    monkeypatch.setenv("SAMPLE_RABBITMQ_URL", "amqp://host")
    monkeypatch.setenv("SAMPLE_CALLER_PUBLIC_KEY", make_key_pair().public_key)
    monkeypatch.setenv("SAMPLE_RETRY_DELAYS_SECONDS", "[0.5, 2]")
    monkeypatch.setenv("OTHER_PREFETCH", "7")
    settings = Settings()
    assert settings.retry_delays_seconds == (0.5, 2)
    assert settings.prefetch == 20
    with pytest.raises(ValidationError, match="frozen"):
        settings.prefetch = 7  # type: ignore[misc]


@pytest.mark.parametrize("key", ["", "key", make_rsa_key()], ids=["none", "no key", "RSA"])
def test_a_key_that_verifies_nothing_stops_the_start(key: str, bench: Bench) -> None:
    known = bench.settings.model_dump()
    with pytest.raises(ValidationError, match="caller_public_key"):
        Settings(**{**known, "caller_public_key": key})
