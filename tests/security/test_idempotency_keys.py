"""Every POST takes an Idempotency-Key: the same request many times is one, another one is refused.

tests/chassis/test_idempotency.py shows what it does to the work; here, that no door is without it.
"""

import asyncio

import httpx
import pytest

from tests.security.cast import Cast
from tests.security.matrix import read_policy
from tests.security.operations import ENDS_SESSIONS, body_of, call_of, path_of
from tests.security.studio import Studio

AT_ONCE = 5
PATIENCE_SECONDS = 20.0


def repeatable() -> list[tuple[str, str]]:
    """(operation, who) of every POST in which somebody known succeeds and stays signed in."""
    found = []
    for operation, codes in read_policy().items():
        able = [name for name in ("owner", "system admin") if codes[name] < 300]
        public = codes["anonymous"] != 401
        if operation.startswith("POST") and able and not public and operation not in ENDS_SESSIONS:
            found.append((operation, able[0]))
    return found


@pytest.mark.parametrize(("operation", "who"), repeatable())
async def test_many_at_once_are_one(studio: Studio, cast: Cast, operation: str, who: str) -> None:
    ids = await cast.ours.fresh(*call_of(operation).uses)
    ids |= {"owner": cast.ours.owner.member_id, "affiliate": cast.ours.ids["workspace"]}
    path, body = path_of(operation, ids), body_of(operation, ids)
    headers = cast.headers[who] | {"idempotency-key": operation}

    async def post(content: object) -> httpx.Response:
        """As a good client does: again while the first one is still at work."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await studio.http.post(path, headers=headers, json=content)
                if "retry-after" not in answer.headers:
                    return answer
                assert answer.status_code == 409, answer.text
                await asyncio.sleep(0.1)

    answers = await asyncio.gather(*(post(body) for _ in range(AT_ONCE)))
    first = [answer for answer in answers if "idempotent-replayed" not in answer.headers]
    assert len(first) == 1
    assert first[0].is_success, first[0].text
    for answer in answers:
        assert answer.status_code == first[0].status_code
        # A secret is shown once: its repeats say only that it was done.
        assert answer.content in (first[0].content, b"")
    other = await post({"another": "request"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
