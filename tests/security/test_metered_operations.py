"""The operations with a limit of their own are there: one renamed would lose its limit unseen."""

from services.gateway.metered import METERED
from tests.security.matrix import operations_of
from tests.security.studio import SIGN_INS_PER_ACCOUNT, Studio


async def test_every_metered_path_is_an_operation(studio: Studio) -> None:
    documented = operations_of(await studio.done("GET", "/openapi.json"))
    shapes = {_shape(operation) for operation in documented}
    missing = [path for _, path in METERED if _shape(f"POST {path}") not in shapes]
    assert missing == []


def _shape(operation: str) -> tuple[str, ...]:
    """The operation whatever its parameters are called."""
    return tuple("{}" if part.startswith("{") else part for part in operation.split("/"))


async def test_whoever_found_an_open_browser_guesses_its_password_only_so_often(
    studio: Studio,
) -> None:
    victim, other = await studio.sign_up("victim"), await studio.sign_up("other")
    body = {"password": "wrong-guess", "new_password": "long-enough"}
    statuses = [
        (await studio.call("POST", "/v1/auth/password/change", victim, body)).status_code
        for _ in range(SIGN_INS_PER_ACCOUNT + 2)
    ]
    assert statuses == [401] * SIGN_INS_PER_ACCOUNT + [429] * 2
    right = {"password": other.password, "new_password": "canary-new-password"}
    studio.secrets.add(right["new_password"])
    await studio.done("POST", "/v1/auth/password/change", other, right)
