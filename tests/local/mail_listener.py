"""Listens to the mail stand-in's webhooks as the product would."""

import asyncio
import json
from typing import Any

import resend
from starlette.requests import Request
from starlette.responses import Response

SECRET = "whsec_c2VjcmV0LWZvci10ZXN0cw=="


class Listener:
    """The product's webhook door: checks every event with Resend's own code."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.ids: list[str] = []
        self.refused = 0
        self.refuse_next = 0
        self._heard = asyncio.Condition()

    async def hear(self, request: Request) -> Response:
        async with self._heard:
            self._heard.notify_all()
            if self.refuse_next:
                self.refuse_next -= 1
                return Response(status_code=500)
            headers: Any = {
                name: request.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")
            }
            payload = (await request.body()).decode()
            options: Any = {"payload": payload, "headers": headers, "webhook_secret": SECRET}
            try:
                resend.Webhooks.verify(options)
            except ValueError:
                self.refused += 1
                return Response(status_code=400)
            self.events.append(json.loads(payload))
            self.ids.append(headers["id"])
            return Response()

    async def of(self, mail_id: str, count: int) -> list[Any]:
        """The first `count` events of a mail, awaited at most 10 seconds."""

        def found() -> list[Any]:
            return [e for e in self.events if e["data"]["email_id"] == mail_id]

        async with asyncio.timeout(10), self._heard:
            await self._heard.wait_for(lambda: len(found()) >= count)
        return found()
