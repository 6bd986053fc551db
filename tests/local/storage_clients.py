"""Clients of the storage stand-in, configured as the product configures them."""

from collections.abc import Awaitable
from typing import Any

import httpx
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from obstore.store import S3Store

ACCESS, SECRET = "AKTEST", "the-secret"


def client(address: str, access: str = ACCESS, secret: str = SECRET, **config: Any) -> Any:
    """An aiobotocore client for the stand-in; `config` overrides its Config."""
    options: dict[str, Any] = {
        "signature_version": "s3v4",
        "s3": {"addressing_style": "path"},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        **config,
    }
    return get_session().create_client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=AioConfig(**options),
    )


def obstore_store(address: str, secret: str = SECRET, **more: Any) -> S3Store:
    """An obstore client for the bucket `media` of the stand-in."""
    return S3Store(
        "media",
        endpoint=address,
        access_key_id=ACCESS,
        secret_access_key=secret,
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True, "timeout": "10s"},
        retry_config={"max_retries": 0},
        **more,
    )


async def refused(call: Awaitable[Any]) -> tuple[int, str]:
    """The status and code a call was refused with; fails when it was not."""
    with pytest.raises(ClientError) as caught:
        await call
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


async def body(s3: Any, key: str, **more: Any) -> bytes:
    """The bytes of an object in the bucket `media`."""
    answer = await s3.get_object(Bucket="media", Key=key, **more)
    data: bytes = await answer["Body"].read()
    return data


def code(response: httpx.Response) -> str:
    """The error code of a bare answer; empty when it is none."""
    return response.text.partition("<Code>")[2].partition("</Code>")[0]
