"""Kling on fal.ai, through fal's own client (docs: the queue API and its webhooks)."""

from contextlib import suppress
from typing import Any

import fal_client.client as fal
import httpx

from services.video.providers.base import (
    Answer,
    OutcomeUnknown,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    Shot,
)
from services.video.settings import Settings

MODEL = "fal-ai/kling-video/v2.6/pro/image-to-video"
NEGATIVE_PROMPT = (
    "blur, distortion, warped walls, bending lines, flicker, people, text, watermark, low quality"
)
RESULT_LIFETIME_SECONDS = 24 * 3600
HEADERS = {
    # fal would run a failed request again up to ten times; our own retries are counted and shown.
    "x-fal-no-retry": "1",
    "X-Fal-Object-Lifecycle-Preference": (
        f'{{"expiration_duration_seconds": {RESULT_LIFETIME_SECONDS}}}'
    ),
}
MAX_REASON = 60


class FalGenerator:
    """Submits without ever repeating a submission by itself."""

    def __init__(self, settings: Settings) -> None:
        self._queue_url = settings.fal_queue_url.rstrip("/") + "/"
        self._client = fal.AsyncClient(
            key=settings.fal_key.get_secret_value(),
            default_timeout=settings.fal_timeout_seconds,
        )

    def _ready(self) -> fal.AsyncClient:
        # The client re-posts lost submissions up to ten times, and each one is paid. Both settings
        # belong to fal's module, which somebody else in this process may have set.
        fal.MAX_ATTEMPTS = 1
        fal.QUEUE_URL_FORMAT = self._queue_url
        return self._client

    async def submit(self, shot: Shot, webhook_url: str) -> str:
        try:
            handle = await self._ready().submit(
                MODEL, _arguments(shot), webhook_url=webhook_url, headers=HEADERS
            )
        except fal.FalClientHTTPError as error:
            raise _refusal(error.response) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ProviderBusy("vendor_unreachable") from error
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise OutcomeUnknown("answer_lost") from error
        return str(handle.request_id)

    async def find_answer(self, request_id: str) -> Answer | None:
        try:
            status = await self._ready().status(MODEL, request_id)
            if not isinstance(status, fal.Completed):
                return None
            payload = await self._ready().result(MODEL, request_id)
        except fal.FalClientHTTPError as error:
            if error.response.status_code in (404, 422):
                return failed_answer(request_id, _body(error.response))
            raise ProviderBusy("vendor_error") from error
        except httpx.HTTPError as error:
            raise ProviderBusy("vendor_unreachable") from error
        return _answer_of(request_id, payload)

    async def cancel(self, request_id: str) -> None:
        with suppress(fal.FalClientHTTPError, httpx.HTTPError):
            await self._ready().cancel(MODEL, request_id)


def read_answer(body: dict[str, Any]) -> Answer | None:
    """Of a webhook's body {request_id, status OK|ERROR, payload}; never raises on its shape.

    None when it is made, but fal could not say so in a webhook (`payload_error`): then it is asked.
    """
    request_id = str(body.get("request_id", ""))
    payload = body.get("payload")
    if body.get("status") != "OK":
        return failed_answer(request_id, payload)
    if payload is None and body.get("payload_error"):
        return None
    return _answer_of(request_id, payload)


def _answer_of(request_id: str, payload: Any) -> Answer:
    video = payload.get("video") if isinstance(payload, dict) else None
    url = video.get("url") if isinstance(video, dict) else None
    if not isinstance(url, str):
        return Answer(request_id, None, "no_clip_in_answer")
    return Answer(request_id, url)


def failed_answer(request_id: str, payload: Any) -> Answer:
    """fal says why in `detail: [{type}]`; what it says about the input will not change."""
    detail = payload.get("detail") if isinstance(payload, dict) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        reason = str(detail[0].get("type", "refused"))[:MAX_REASON]
        return Answer(request_id, None, reason, is_permanent=reason != "file_download_error")
    return Answer(request_id, None, "generation_failed")


def _arguments(shot: Shot) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "prompt": shot.prompt,
        "start_image_url": shot.start_image_url,
        "duration": str(shot.seconds),
        "generate_audio": shot.with_audio,
        "negative_prompt": NEGATIVE_PROMPT,
    }
    if shot.end_image_url is not None:
        arguments["end_image_url"] = shot.end_image_url
    return arguments


def _refusal(response: httpx.Response) -> ProviderError:
    status = response.status_code
    if status in (408, 429) or status >= 500:
        return ProviderBusy("vendor_busy")
    answer = failed_answer("", _body(response))
    return ProviderRefused(answer.reason or "refused")


def _body(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
