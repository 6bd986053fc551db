"""Media in object storage (S3 protocol): signed URLs for browsers, streams for workers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiofiles
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from chassis.settings import StorageSettings

PIECE_BYTES = 1024 * 1024


class ObjectMissing(Exception):
    """There is no object under this key."""


class ObjectTooLarge(Exception):
    """The object is larger than the reader allows."""


@dataclass(frozen=True)
class StoredObject:
    """What HEAD says; size in bytes."""

    size_bytes: int
    content_type: str
    etag: str


class Storage:
    """`async with storage:` opens the clients; every method may raise ObjectMissing."""

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._client = await self._open(self._settings.endpoint_url)
        public = self._settings.public_endpoint_url
        self._public = await self._open(public) if public else self._client
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _open(self, endpoint_url: str) -> Any:
        settings = self._settings
        client = get_session().create_client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key.get_secret_value(),
            config=AioConfig(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                connect_timeout=5,
                read_timeout=settings.timeout_seconds,
                retries={"max_attempts": 3, "mode": "standard"},
            ),
        )
        return await self._stack.enter_async_context(client)

    async def sign_put(self, key: str, *, content_type: str, size_bytes: int, seconds: int) -> str:
        """A URL that accepts exactly this type and length, for `seconds`."""
        url: str = await self._public.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._settings.bucket,
                "Key": key,
                "ContentType": content_type,
                "ContentLength": size_bytes,
            },
            ExpiresIn=seconds,
        )
        return url

    async def sign_get(self, key: str, *, seconds: int, file_name: str | None = None) -> str:
        """A URL to read the object, for `seconds`; with a name, browsers save it as a file."""
        parameters = {"Bucket": self._settings.bucket, "Key": key}
        if file_name is not None:
            parameters["ResponseContentDisposition"] = f'attachment; filename="{file_name}"'
        url: str = await self._public.generate_presigned_url(
            "get_object", Params=parameters, ExpiresIn=seconds
        )
        return url

    async def head(self, key: str) -> StoredObject:
        answer = await self._call("head_object", Key=key)
        return StoredObject(answer["ContentLength"], answer.get("ContentType", ""), answer["ETag"])

    async def read(self, key: str, *, max_bytes: int) -> bytes:
        """The whole object; raises ObjectTooLarge before reading more than `max_bytes`."""
        answer = await self._call("get_object", Key=key)
        async with answer["Body"] as body:
            if answer["ContentLength"] > max_bytes:
                raise ObjectTooLarge(key)
            data: bytes = await body.read()
            return data

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The object in pieces of at most 1 MiB."""
        answer = await self._call("get_object", Key=key)
        async with answer["Body"] as body:
            # `read` compares the length at the end, so a cut connection is not a short object.
            while piece := await body.read(PIECE_BYTES):
                yield piece

    async def download(self, key: str, path: Path) -> None:
        async with aiofiles.open(path, "wb") as file:
            async for piece in self.stream(key):
                await file.write(piece)

    async def write(self, key: str, data: bytes, *, content_type: str) -> None:
        await self._call("put_object", Key=key, Body=data, ContentType=content_type)

    async def upload(self, path: Path, key: str, *, content_type: str) -> None:
        with path.open("rb") as file:
            await self._call("put_object", Key=key, Body=file, ContentType=content_type)

    async def copy(self, source_key: str, key: str, *, if_etag: str | None = None) -> None:
        """Copy; with `if_etag` only when the source is still what was looked at."""
        source = {"Bucket": self._settings.bucket, "Key": source_key}
        condition = {"CopySourceIfMatch": if_etag} if if_etag else {}
        await self._call("copy_object", Key=key, CopySource=source, **condition)

    async def delete(self, key: str) -> None:
        """Deleting what is gone already is fine."""
        await self._call("delete_object", Key=key)

    async def delete_prefix(self, prefix: str) -> None:
        """Every object under the prefix, however many and however deep."""
        paginator = self._client.get_paginator("list_objects_v2")
        async for page in paginator.paginate(Bucket=self._settings.bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                await self.delete(item["Key"])

    async def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return await getattr(self._client, operation)(
                Bucket=self._settings.bucket, **parameters
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                raise ObjectMissing(parameters["Key"]) from error
            raise
