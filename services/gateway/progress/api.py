"""`GET /v1/events`: the workspace's public facts as server-sent events."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.types import Receive, Scope, Send

from services.gateway.admission import Admission
from services.gateway.headers import Headers
from services.gateway.progress.streams import Follower
from services.gateway.progress.use_cases import NO_PLACE, Progress, follow
from services.gateway.sessions import Principal

SEND_SECONDS = 10.0
"""A reader that takes no byte for so long is hung up on; it resumes by id."""
LONGEST_SECONDS = 3600.0
CONTINUES = "continues"

router = APIRouter(tags=["events"])


@router.get(
    "/v1/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_events(
    request: Request,
    last_event_id: Annotated[str | None, Header()] = None,
    after: Annotated[str | None, Query(description="Like Last-Event-ID, which wins")] = None,
) -> Response:
    """What happens in the workspace, live; each fact's `event` is its name, its `data` the fact.

    Reads answer with a `Last-Event-ID` header: open the stream with it and nothing that happened
    since is missed; an answer without it is read once more after opening. After a disconnection
    send the last `id`. The event `resync` says that the cursor is too old: read the resources
    again.
    """
    admission: Admission = request.app.state.admission
    progress: Progress = request.app.state.progress
    principal, headers = await admission.admit_member(request.state.incoming)
    return EventStream(progress, principal, headers, _position(last_event_id or after))


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    is_ours = cursor.isascii() and cursor.isdigit() and len(cursor) < 19
    return int(cursor) if is_ours else NO_PLACE


class EventStream(Response):
    """Sends frames until the client goes, its session ends, or it is time to resume."""

    def __init__(
        self, progress: Progress, principal: Principal, headers: Headers, after: int | None
    ) -> None:
        super().__init__(media_type="text/event-stream")
        self._progress = progress
        self._principal = principal
        self._extra = [*headers, (b"x-accel-buffering", b"no")]
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The door goes on with it when FastAPI is done: its frames would double a stream's memory.
        scope["state"][CONTINUES] = self.stream

    async def stream(self, receive: Receive, send: Send) -> None:
        """Send until it is over; raises TooManyStreams."""
        with self._progress.streams.following(self._principal.caller) as follower:
            await send(
                {"type": "http.response.start", "status": 200, "headers": self._start_headers()}
            )
            watch = asyncio.create_task(_end_when_gone(follower, receive))
            try:
                async with asyncio.timeout(self._seconds()):
                    await self._send_frames(follower, send)
            except TimeoutError:
                follower.end()
            finally:
                watch.cancel()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_frames(self, follower: Follower, send: Send) -> None:
        async with aclosing(follow(self._progress, follower, self._after)) as frames:
            async for some in frames:
                async with asyncio.timeout(SEND_SECONDS):
                    body = b"".join(some)
                    await send({"type": "http.response.body", "body": body, "more_body": True})

    def _start_headers(self) -> Headers:
        return [(b"content-type", b"text/event-stream; charset=utf-8"), *self._extra]

    def _seconds(self) -> float:
        expires_at = self._principal.expires_at
        if expires_at is None:
            return LONGEST_SECONDS
        left = (expires_at - datetime.now(UTC)).total_seconds()
        return max(0.0, min(LONGEST_SECONDS, left))


async def _end_when_gone(follower: Follower, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.end()
