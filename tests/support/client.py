"""A client as a good one is: it repeats what was not answered until it is answered."""

import asyncio
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

TIMEOUT_SECONDS = 15.0
PATIENCE_SECONDS = 120.0


class Refused(Exception):
    """The product said no for good."""

    def __init__(self, method: str, path: str, answer: httpx.Response) -> None:
        self.status = answer.status_code
        try:
            self.code = str(answer.json().get("code", ""))
        except ValueError:
            self.code = ""
        super().__init__(f"{method} {path}: {self.status} {self.code} {answer.text[:300]}")


@dataclass
class Client:
    """One person's browser at the gateway, with a list of what the product acknowledged."""

    gateway: str
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    """(kind, id) of every write that was answered with 2xx."""
    workspace_id: str = ""
    repeated: int = 0
    """Calls that were lost, refused for now, or met a service that was away."""

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(
            base_url=self.gateway, timeout=TIMEOUT_SECONDS, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    async def sign_up(self, name: str, **fields: Any) -> None:
        """Sign-up takes no Idempotency-Key: after a lost answer the account may be there."""
        person = {"email": f"{name}-{uuid4().hex[:8]}@ai-studio.example", "password": uuid4().hex}
        try:
            answer = await self.post("/v1/auth/sign-up", {"name": name, **person, **fields})
        except Refused as refusal:
            if refusal.code != "sign_up_refused":
                raise
            answer = await self.post("/v1/auth/sign-in", person)
        self.workspace_id = answer["workspace"]["id"]
        self.acknowledged.append(("workspace", self.workspace_id))

    async def sign_in(self, email: str, password: str) -> None:
        answer = await self.post("/v1/auth/sign-in", {"email": email, "password": password})
        self.workspace_id = answer["workspace"]["id"]

    async def create(self, kind: str, path: str, body: Any = None) -> Any:
        """Post, and remember that the product acknowledged a new `kind`."""
        made = await self.post(path, body)
        self.acknowledged.append((kind, made["id"]))
        return made

    async def get(self, path: str) -> Any:
        return await self._call("GET", path)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self._call("POST", path, body, {"idempotency-key": uuid4().hex})

    async def put(self, path: str, body: Any) -> Any:
        return await self._call("PUT", path, body)

    async def patch(self, path: str, body: Any) -> Any:
        return await self._call("PATCH", path, body)

    async def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await self._try(method, path, body, headers)
            if answer is not None and not _is_for_now(answer):
                if not answer.is_success:
                    raise Refused(method, path, answer)
                return answer.json() if answer.content else None
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path} was not answered: {answer}")
            self.repeated += 1
            await asyncio.sleep(_pause(answer))

    async def _try(
        self, method: str, path: str, body: Any, headers: dict[str, str] | None
    ) -> httpx.Response | None:
        try:
            return await self.http.request(method, path, json=body, headers=headers)
        except httpx.TransportError:
            return None


def _is_for_now(answer: httpx.Response) -> bool:
    told_when = answer.status_code == 409 and "retry-after" in answer.headers
    return told_when or answer.status_code == 429 or answer.status_code >= 500


def _pause(answer: httpx.Response | None) -> float:
    told = answer.headers.get("retry-after") if answer is not None else None
    return float(told) if told else 0.3
