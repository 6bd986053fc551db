"""fal's queue through its own client: https://docs.fal.ai, endpoint nano-banana-pro/edit."""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, Self

import fal_client
import fal_client.client
import httpx
import structlog

from services.imaging.providers.base import (
    Order,
    Outcome,
    ProviderBusy,
    ProviderRefused,
    ProviderUnknown,
)
from services.imaging.settings import Settings

log = structlog.get_logger()

LIFECYCLE = "X-Fal-Object-Lifecycle-Preference"
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class FalGenerator:
    """`async with generator:` closes its connections in the end."""

    def __init__(self, settings: Settings) -> None:
        # A lost answer must not be posted again: fal has no idempotency key, and each post costs.
        fal_client.client.MAX_ATTEMPTS = 1
        fal_client.client.QUEUE_URL_FORMAT = settings.fal_queue_url.rstrip("/") + "/"
        self.model = settings.fal_model
        self._seconds = settings.submit_timeout_seconds
        self._lifecycle = f'{{"expiration_duration_seconds": {settings.fal_media_lasts_seconds}}}'
        self._client = fal_client.AsyncClient(
            key=settings.fal_key.get_secret_value(), default_timeout=self._seconds
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await (await self._client._client).aclose()

    async def submit(self, order: Order) -> str:
        """fal: POST /{model}?fal_webhook=…; the request id."""
        call = self._client.submit(
            self.model,
            arguments={
                "prompt": order.prompt,
                "image_urls": [order.image_url],
                "num_images": 1,
                "output_format": "jpeg",
                "resolution": "2K",
            },
            webhook_url=order.webhook_url,
            headers={LIFECYCLE: self._lifecycle},
        )
        handle = await self._sent(call)
        request_id: str = handle.request_id
        return request_id

    async def find_outcome(self, model: str, request_id: str) -> Outcome | None:
        """fal: GET …/requests/{id}/status, and the result once it is COMPLETED."""
        try:
            async with asyncio.timeout(2 * self._seconds):
                status = await self._client.status(model, request_id)
                if not isinstance(status, fal_client.Completed):
                    return None
                return outcome_of(await self._client.result(model, request_id))
        except fal_client.client.FalClientHTTPError as error:
            if error.status_code == 404:
                return Outcome(reason="provider_lost_request")
            if error.status_code == 422:
                return Outcome(reason=reason_of(error.message))
            if 400 <= error.status_code < 500 and error.status_code not in (408, 429):
                return Outcome(reason="provider_failed")
            raise ProviderBusy(f"provider_status_{error.status_code}") from error
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError) as error:
            raise ProviderBusy("provider_unreachable") from error

    async def cancel(self, model: str, request_id: str) -> None:
        """fal: PUT …/requests/{id}/cancel; 400 says it is over already."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._client.cancel(model, request_id)
        except (fal_client.client.FalClientError, httpx.HTTPError, TimeoutError) as error:
            log.info("fal.cancel_failed", request_id=request_id, error=type(error).__name__)

    async def _sent(self, call: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                return await call
        except fal_client.client.FalClientHTTPError as error:
            raise _refusal(error) from error
        except NOT_SENT as error:
            raise ProviderBusy("provider_unreachable") from error
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError) as error:
            raise ProviderUnknown("provider_silent") from error


def _refusal(error: Any) -> ProviderBusy | ProviderRefused:
    status: int = error.status_code
    if status in (408, 429) or status >= 500:
        after = error.response_headers.get("retry-after", "")
        seconds = float(after) if after.replace(".", "", 1).isdigit() else None
        return ProviderBusy(f"provider_status_{status}", seconds)
    if status == 422:
        return ProviderRefused(reason_of(error.message))
    return ProviderRefused("provider_refused")


def outcome_of(payload: Any) -> Outcome:
    """The one picture of a result, or a reason when the list is not what was promised."""
    images = payload.get("images") if isinstance(payload, dict) else None
    first = images[0] if isinstance(images, list) and len(images) == 1 else None
    url = first.get("url") if isinstance(first, dict) else None
    return Outcome(url=url) if isinstance(url, str) else Outcome(reason="result_incomplete")


def reason_of(detail: Any) -> str:
    """Our stable code for fal's `detail` of a 422."""
    first = detail[0] if isinstance(detail, list) and detail else {}
    kind = str(first.get("type", "")) if isinstance(first, dict) else ""
    return "content_refused" if "content_policy" in kind else "provider_refused"
