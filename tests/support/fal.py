"""The fal stand-in on a port of its own, somebody to serve its inputs, and a webhook's ear."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import fal_client.client
import numpy as np
import numpy.typing as npt
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.infrastructure import find_ffmpeg
from local.vendors.control import StandIn
from local.vendors.fal.app import FalSettings, create_app
from local.vendors.fal.models.pictures import Job
from tests.local.serving import free_socket, served

KEY = "key-id:key-secret"
PHOTO = "fal-ai/nano-banana-pro/edit"
INPAINT = "fal-ai/qwen-image-edit/inpaint"
FILM = "fal-ai/kling-video/v2.6/pro/image-to-video"
SETTINGS = FalSettings(KEY, "user-1", max_short_side=180, webhook_delays=(0.1,) * 30)


@asynccontextmanager
async def fal(state: Path, settings: FalSettings = SETTINGS) -> AsyncIterator[StandIn]:
    """A running fal whose state is in this folder."""
    bound, address = free_socket()
    stand_in = StandIn("fal", state, address)
    async with served(create_app(stand_in, settings), bound):
        yield stand_in


def client_of(address: str, monkeypatch: pytest.MonkeyPatch) -> fal_client.AsyncClient:
    """fal's own client, sent to the stand-in, submitting once."""
    for name in ("QUEUE_URL_FORMAT", "RUN_URL_FORMAT"):
        monkeypatch.setattr(fal_client.client, name, f"{address}/")
    for name in ("REST_URL", "CDN_URL"):
        monkeypatch.setattr(fal_client.client, name, address)
    monkeypatch.setattr(fal_client.client, "MAX_ATTEMPTS", 1)
    return fal_client.AsyncClient(key=KEY, default_timeout=10)


async def until(ready: Callable[[], Any], seconds: float = 20) -> None:
    """Wait, bounded, for something another task brings about."""
    async with asyncio.timeout(seconds):
        while not ready():
            await asyncio.sleep(0.01)


@dataclass
class Outside:
    """What lies around fal: files it may fetch, and the webhooks it sends."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def put(self, name: str, picture: npt.NDArray[np.uint8]) -> str:
        self.files[name] = cv2.imencode(".png", picture)[1].tobytes()
        return f"{self.address}/in/{name}?X-Amz-Signature=abc"

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]

    async def give(self, request: Request) -> Response:
        body = self.files.get(request.path_params["name"])
        return Response(body or b"", status_code=200 if body else 404)

    async def hear(self, request: Request) -> Response:
        self.heard.append((dict(request.headers), await request.body()))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)


@asynccontextmanager
async def outside() -> AsyncIterator[Outside]:
    world = Outside()
    routes = [Route("/in/{name}", world.give), Route("/hook", world.hear, methods=["POST"])]
    bound, world.address = free_socket()
    async with served(Starlette(routes=routes), bound):
        yield world


def room(width: int = 480, height: int = 320) -> npt.NDArray[np.uint8]:
    """A dim drawn room with upright doors and windows, and some texture."""
    random = np.random.default_rng(3)
    picture = np.full((height, width, 3), (70, 84, 96), np.uint8)
    cv2.rectangle(picture, (0, int(height * 0.72)), (width, height), (40, 60, 84), -1)
    for number in range(5):
        left = int(width * (0.06 + 0.19 * number))
        top, right, bottom = int(height * 0.18), left + int(width * 0.11), int(height * 0.72)
        cv2.rectangle(picture, (left, top), (right, bottom), (110, 120, 128), -1)
        cv2.rectangle(picture, (left, top), (right, bottom), (24, 26, 30), max(2, height // 150))
    noise = cv2.GaussianBlur(random.normal(0, 14, picture.shape), (0, 0), 1.2)
    pixels: npt.NDArray[np.uint8] = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return pixels


def job(folder: Path, arguments: dict[str, Any], **inputs: npt.NDArray[np.uint8]) -> Job:
    """A model's job on these pictures by field; `__` in a field stands for a dot."""
    paths = {}
    for name, picture in inputs.items():
        field = name.replace("__", ".")
        paths[field] = folder / f"{name}.png"
        cv2.imwrite(str(paths[field]), picture)
    return Job(arguments, paths, folder, find_ffmpeg().ffmpeg, 180)


def photo_of(world: Outside) -> dict[str, object]:
    return {"prompt": "bright", "image_urls": [world.put("room.png", room())]}


def entries(stand_in: StandIn, operation: str, request_id: str) -> list[dict[str, object]]:
    return [e for e in stand_in.journal.entries(operation) if e["request_id"] == request_id]
