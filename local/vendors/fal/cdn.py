"""fal's storage: a token to upload with, uploads, and public files to read."""

import hashlib
import hmac
import json
import mimetypes
import re
import shutil
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request as Call
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from local.vendors.control import StandIn
from local.vendors.fal.requests import File, Requests
from local.vendors.fal.settings import FalSettings
from local.vendors.misbehaviour import misbehave

MOST_BYTES = 100 * 1024 * 1024
TOKEN_SECONDS = 7200


class Cdn:
    """Files by an unguessable id; whoever knows the URL may read."""

    def __init__(self, stand_in: StandIn, settings: FalSettings, requests: Requests) -> None:
        self._stand_in, self._settings, self._requests = stand_in, settings, requests
        self._folder = stand_in.state / "files"
        self._folder.mkdir(exist_ok=True)

    def routes(self) -> list[Route]:
        return [
            Route("/storage/auth/token", self._token, methods=["POST"]),
            Route("/files/upload", self._upload, methods=["POST"]),
            Route("/files/{file_id}/{name}", self._read, methods=["GET"]),
        ]

    def publish(self, path: Path, content_type: str, lifecycle: str | None) -> dict[str, Any]:
        """Move a file onto the CDN; answers fal's File object."""
        file = File(uuid.uuid4().hex, path.name, content_type, _expiry(lifecycle))
        size = path.stat().st_size
        shutil.move(path, self._folder / file.id)
        self._requests.add_file(file)
        url = f"{self._stand_in.address}/files/{file.id}/{file.name}"
        return {
            "url": url,
            "content_type": content_type,
            "file_name": file.name,
            "file_size": size,
        }

    async def _token(self, call: Call) -> Response:
        if call.headers.get("authorization") != f"Key {self._settings.api_key}":
            return _refuse(401)
        expires = int(time.time()) + TOKEN_SECONDS
        return JSONResponse(
            {
                "token": self._signed(expires),
                "token_type": "Bearer",
                "base_url": self._stand_in.address,
                "expires_at": datetime.fromtimestamp(expires, UTC).isoformat(),
            }
        )

    async def _upload(self, call: Call) -> Response:
        if not self._allowed(call.headers.get("authorization", "")):
            return _refuse(401)
        content_type = call.headers.get("content-type", "application/octet-stream")
        name = _safe_name(call.headers.get("x-fal-file-name"), content_type)
        part = self._folder / f"{uuid.uuid4().hex}.part" / name
        part.parent.mkdir()
        try:
            with part.open("wb") as file:
                async for chunk in call.stream():
                    if file.tell() + len(chunk) > MOST_BYTES:
                        return _refuse(413)
                    file.write(chunk)
            answer = self.publish(part, content_type, call.headers.get("x-fal-object-lifecycle"))
        finally:
            shutil.rmtree(part.parent, ignore_errors=True)
        self._stand_in.journal.record("upload", file_name=name, size=answer["file_size"])
        return JSONResponse({"access_url": answer["url"]})

    async def _read(self, call: Call) -> Response:
        file = self._requests.find_file(call.path_params["file_id"])
        if file is None or file.name != call.path_params["name"]:
            return _refuse(404)
        path = self._folder / file.id
        if file.expires_at is not None and file.expires_at < time.time():
            path.unlink(missing_ok=True)
            return _refuse(404)
        fault = self._stand_in.faults.take("file", "corrupt")
        if fault is not None:
            self._stand_in.journal.record("fault", kind="corrupt", during="file")
            return _corrupt(path, file, truncated=fault.status == 200)

        async def work() -> Response:
            return FileResponse(path, media_type=file.content_type)

        return await misbehave(self._stand_in, "file", work, _refuse)

    def _signed(self, expires: int) -> str:
        key = self._settings.api_key.encode()
        return f"{expires}.{hmac.new(key, str(expires).encode(), hashlib.sha256).hexdigest()}"

    def _allowed(self, authorization: str) -> bool:
        token = authorization.removeprefix("Bearer ")
        expires = token.split(".")[0]
        if not expires.isdigit() or int(expires) < time.time():
            return False
        return hmac.compare_digest(token.encode(), self._signed(int(expires)).encode())


def _refuse(status: int) -> Response:
    return JSONResponse({"detail": "The file cannot be served."}, status_code=status)


def _corrupt(path: Path, file: File, *, truncated: bool) -> Response:
    """Under the promised type: half of the bytes (fault status 200), else an HTML page."""
    whole = path.read_bytes()
    body = whole[: len(whole) // 2] if truncated else b"<!doctype html><title>Oops</title>"
    return Response(body, media_type=file.content_type)


def _expiry(lifecycle: str | None) -> float | None:
    try:
        seconds = json.loads(lifecycle or "{}").get("expiration_duration_seconds")
        return time.time() + float(seconds) if seconds else None
    except (ValueError, TypeError, AttributeError):
        return None


def _safe_name(name: str | None, content_type: str) -> str:
    kept = re.sub(r"[^A-Za-z0-9._-]+", "_", name or "").lstrip(".")[-100:]
    return kept or f"upload{mimetypes.guess_extension(content_type) or '.bin'}"
