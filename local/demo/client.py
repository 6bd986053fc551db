"""Talks to the product as its users do: through the gateway, with a session cookie."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from contracts.facts import FACTS

TIMEOUT_SECONDS = 30.0
LONGEST_RETRY_AFTER_SECONDS = 61.0
TRIES = 8


class Refused(Exception):
    """The product said no; `code` is the problem's stable code."""

    def __init__(self, method: str, path: str, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", status))
        self.detail = str(problem.get("detail") or problem.get("title") or "")
        super().__init__(f"{method} {path}: {status} {self.code} {self.detail}".strip())


class Person:
    """Somebody with a browser: an agent, an affiliate or the administrator."""

    def __init__(self, gateway: str) -> None:
        self._http = httpx.AsyncClient(base_url=gateway, timeout=TIMEOUT_SECONDS, trust_env=False)
        self.workspace_id = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def sign_up(self, name: str, **fields: Any) -> None:
        email = f"{name.lower()}-{uuid4().hex[:8]}@ai-studio.example"
        body = {"name": name, "email": email, "password": uuid4().hex, **fields}
        answer = await self.post("/v1/auth/sign-up", body)
        self.workspace_id = answer["workspace"]["id"]

    async def sign_in(self, email: str, password: str) -> None:
        answer = await self.post("/v1/auth/sign-in", {"email": email, "password": password})
        self.workspace_id = answer["workspace"]["id"]

    async def get(self, path: str) -> Any:
        return await self._call("GET", path)

    async def post(self, path: str, body: Any = None) -> Any:
        """Safe to repeat after a lost answer: it carries an Idempotency-Key."""
        return await self._call("POST", path, body, {"idempotency-key": uuid4().hex})

    async def put(self, path: str, body: Any) -> Any:
        return await self._call("PUT", path, body)

    async def patch(self, path: str, body: Any) -> Any:
        return await self._call("PATCH", path, body)

    async def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        for attempt in range(TRIES):
            try:
                answer = await self._http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                if attempt == TRIES - 1:
                    raise
                await asyncio.sleep(0.5)
                continue
            if answer.status_code == 429 or (answer.status_code >= 500 and attempt < TRIES - 1):
                wait = float(answer.headers.get("retry-after", 1))
                await asyncio.sleep(min(wait, LONGEST_RETRY_AFTER_SECONDS))
                continue
            return _content(method, path, answer)
        raise Refused(method, path, 429, {"code": "too_many_requests"})

    async def now(self) -> str:
        """Where the log of facts stands: what a read answers in `Last-Event-ID`."""
        answer = await self._http.get("/v1/workspace")
        return answer.headers["last-event-id"]

    @asynccontextmanager
    async def following(self, after: str) -> AsyncIterator["Trail"]:
        """Hears the workspace's facts (`GET /v1/events`) since then, while the block runs."""
        trail = Trail(self._http, after)
        task = asyncio.create_task(trail.listen())
        try:
            await asyncio.wait_for(trail.listening.wait(), TIMEOUT_SECONDS)
            yield trail
        finally:
            task.cancel()


def _content(method: str, path: str, answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    raise Refused(method, path, answer.status_code, problem)


class Trail:
    """The facts heard so far, counted by name, and a way to wait for one."""

    def __init__(self, http: httpx.AsyncClient, after: str) -> None:
        self._http = http
        self._last_id = after
        self._heard: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Condition()
        self.counts: Counter[str] = Counter()
        self.listening = asyncio.Event()

    async def listen(self) -> None:
        """Read the stream until cancelled, resuming after the last fact heard."""
        while True:
            try:
                await self._read_stream()
            except httpx.HTTPError:
                await asyncio.sleep(0.5)

    async def wait_for(
        self,
        name: str,
        matches: Callable[[dict[str, Any]], bool],
        *,
        count: int = 1,
        seconds: float,
        tell: Callable[[int], None] = lambda _: None,
    ) -> list[dict[str, Any]]:
        """The first `count` such facts; raises TimeoutError. `tell` hears how many there are."""
        async with asyncio.timeout(seconds), self._news:
            while True:
                found = [fact for heard, fact in self._heard if heard == name and matches(fact)]
                tell(len(found))
                if len(found) >= count:
                    return found[:count]
                await self._news.wait()

    async def _read_stream(self) -> None:
        headers = {"last-event-id": self._last_id}
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=TIMEOUT_SECONDS)
        async with self._http.stream(
            "GET", "/v1/events", headers=headers, timeout=timeout
        ) as answer:
            answer.raise_for_status()
            self.listening.set()
            frame: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    frame[name] = value
                elif frame:
                    await self._hear(frame)
                    frame = {}

    async def _hear(self, frame: dict[str, str]) -> None:
        if frame.get("event") not in FACTS:
            return
        name = FACTS[frame["event"]].__name__
        self._last_id = frame["id"]
        async with self._news:
            self._heard.append((name, json.loads(frame["data"])))
            self.counts[name] += 1
            self._news.notify_all()
