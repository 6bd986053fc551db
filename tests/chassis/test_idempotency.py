"""Idempotency-Key: the same request twice is one piece of work."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update
from starlette.types import Message, Receive, Scope, Send

from chassis import answers, idempotency
from chassis.answers import CLAIM_LASTS, KEPT, IdempotencyRow
from chassis.caller import sign
from chassis.database import Database
from chassis.idempotency import MAX_BODY_BYTES
from chassis.testing import KeyPair
from contracts.caller import Caller
from tests.chassis.bench import Bench
from tests.chassis.sample_app import create_app
from tests.support.services import make_caller

KEY = {"idempotency-key": "k-1"}


class Notes:
    """A member who writes notes, and what became of them."""

    def __init__(self, bench: Bench, client: httpx.AsyncClient, key_pair: KeyPair) -> None:
        self._bench, self.client, self._keys = bench, client, key_pair

    async def post(
        self,
        body: object = None,
        path: str = "/notes",
        caller: Caller | None = None,
        key: str | None = "k-1",
    ) -> httpx.Response:
        me = caller or make_caller(
            workspace_id=self._bench.workspace_id, member_id=self._bench.workspace_id
        )
        token = sign(me, self._keys.private_key, service=self._bench.name)
        headers = {"authorization": f"Bearer {token}"}
        if key is not None:
            headers["idempotency-key"] = key
        return await self.client.post(path, json=body or {"text": "hello"}, headers=headers)

    async def count(self) -> int:
        return len(await self._bench.effects("http"))


@pytest.fixture
async def notes(bench: Bench, key_pair: KeyPair) -> AsyncIterator[Notes]:
    transport = httpx.ASGITransport(create_app(bench), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
        yield Notes(bench, client, key_pair)


async def test_repeat_answers_the_same_and_does_nothing(notes: Notes) -> None:
    first, again = await notes.post(), await notes.post()
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert await notes.count() == 1


async def test_an_answer_is_kept_before_its_end_is_sent(bench: Bench, key_pair: KeyPair) -> None:
    repeated: list[httpx.Response] = []

    async def impatient(scope: Scope, receive: Receive, send: Send) -> None:
        async def passed_on(message: Message) -> None:
            is_end = message["type"] == "http.response.body" and not message.get("more_body")
            if is_end and not repeated:
                repeated.append(await notes.post())
            await send(message)

        await app(scope, receive, passed_on)

    app = create_app(bench)
    for_repeats = httpx.ASGITransport(app)
    at_first = httpx.ASGITransport(impatient)
    async with (
        httpx.AsyncClient(transport=for_repeats, base_url="http://sample") as client,
        httpx.AsyncClient(transport=at_first, base_url="http://sample") as hasty,
    ):
        notes = Notes(bench, client, key_pair)
        first = await Notes(bench, hasty, key_pair).post()
    [again] = repeated
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"


async def test_without_a_key_each_post_is_its_own(notes: Notes) -> None:
    await notes.post(key=None)
    await notes.post(key=None)
    assert await notes.count() == 2


async def test_same_key_with_another_request_is_refused(notes: Notes) -> None:
    await notes.post()
    for refused in (await notes.post({"text": "other"}), await notes.post(path="/notes?dry=1")):
        assert refused.status_code == 422
        assert refused.json()["code"] == "idempotency_key_reused"
    assert await notes.count() == 1


async def test_20_at_once_are_one_piece_of_work(notes: Notes) -> None:
    answers = await asyncio.gather(*(notes.post({"text": "slow"}) for _ in range(20)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {201, 409}
    assert statuses[201] >= 1
    assert await notes.count() == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency_in_progress"
            assert answer.headers["retry-after"] == "1"


async def test_key_of_a_broken_request_may_be_used_again(notes: Notes) -> None:
    broken = await notes.post({"text": "break"})
    again = await notes.post({"text": "break"})
    assert (broken.status_code, again.status_code) == (500, 500)
    assert "idempotent-replayed" not in again.headers


async def test_refusal_is_kept_like_any_answer(notes: Notes) -> None:
    first, again = await notes.post(path="/teapots"), await notes.post(path="/teapots")
    assert (first.status_code, again.status_code) == (418, 418)
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotent-replayed"] == "true"


async def test_answer_that_says_when_to_come_back_is_not_the_last_word(notes: Notes) -> None:
    first, again = await notes.post(path="/busy"), await notes.post(path="/busy")
    assert (first.status_code, again.status_code) == (409, 409)
    assert "idempotent-replayed" not in again.headers


async def test_work_that_takes_longer_than_a_claim_stays_one_piece(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "CLAIM_LASTS", timedelta(seconds=0.15))
    monkeypatch.setattr(idempotency, "RENEW_SECONDS", 0.05)
    first = asyncio.create_task(notes.post({"text": "slow"}))
    await asyncio.sleep(0.25)
    assert (await notes.post({"text": "slow"})).status_code == 409
    assert (await first).status_code == 201
    assert await notes.count() == 1


async def test_key_too_long_is_refused(notes: Notes) -> None:
    assert (await notes.post(key="k" * 255)).status_code == 201
    refused = await notes.post(key="k" * 256)
    assert refused.status_code == 400
    assert refused.json()["code"] == "idempotency_key_too_long"


async def test_body_too_large_to_compare_is_refused_and_not_cut(notes: Notes) -> None:
    refused = await notes.post({"text": "x" * (MAX_BODY_BYTES + 1)})
    assert refused.status_code == 413
    assert refused.json()["code"] == "body_too_large"


async def test_same_key_of_another_member_workspace_or_path_is_another_key(
    notes: Notes, bench: Bench
) -> None:
    await notes.post()
    colleague = make_caller(workspace_id=bench.workspace_id)
    assert (await notes.post(caller=colleague)).status_code == 201
    assert (await notes.post(caller=make_caller())).status_code == 201
    assert (await notes.post(path="/teapots")).status_code == 418
    assert await notes.count() == 2


async def test_stranger_with_a_key_is_refused_before_anything(notes: Notes) -> None:
    client = notes.client
    unsigned = await client.post("/notes", json={}, headers=KEY)
    forged = await client.post("/notes", json={}, headers={**KEY, "authorization": "Bearer x"})
    assert (unsigned.status_code, forged.status_code) == (401, 401)
    assert await notes.count() == 0


async def test_abandoned_claim_blocks_until_it_has_aged(notes: Notes, bench: Bench) -> None:
    await notes.post()
    # As a process leaves it that died between the work and the stored answer.
    await change_rows(bench.database, bench, status=None)
    assert (await notes.post()).status_code == 409
    await change_rows(bench.database, bench, status=None, claimed_at=func.now() - CLAIM_LASTS * 1.1)
    again = await notes.post()
    assert again.status_code == 201
    assert "idempotent-replayed" not in again.headers
    assert await notes.count() == 2
    assert (await notes.post()).headers["idempotent-replayed"] == "true"


async def test_streamed_answer_ends(notes: Notes) -> None:
    async with asyncio.timeout(5):
        streamed = await notes.post(path="/streams")
    assert streamed.content == b"ab"
    assert (await notes.post(path="/streams")).content == b"ab"


async def test_old_keys_are_forgotten_by_housekeeping(notes: Notes, bench: Bench) -> None:
    await notes.post()
    await notes.post(key="young")
    newest = select(IdempotencyRow.scope).order_by(IdempotencyRow.claimed_at.desc()).limit(1)
    async with bench.database.across_workspaces() as session:
        young = await session.scalar(newest)
        await session.execute(
            update(IdempotencyRow)
            .where(IdempotencyRow.scope != young)
            .values(claimed_at=func.now() - KEPT * 1.01)
        )
    (sweep,) = bench.worker().sweeper._sweeps
    await sweep.run()
    async with bench.database.across_workspaces() as session:
        assert list(await session.scalars(select(IdempotencyRow.scope))) == [young]


async def change_rows(database: Database, bench: Bench, **values: object) -> None:
    async with database.across_workspaces() as session:
        newest = select(func.max(IdempotencyRow.claimed_at)).scalar_subquery()
        await session.execute(
            update(IdempotencyRow).where(IdempotencyRow.claimed_at == newest).values(**values)
        )
