"""What lies in storage under a prefix."""

from tests.video.bench import Bench


async def keys(video: Bench, prefix: str) -> list[str]:
    client, found = video.storage._client, []
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="media", Prefix=prefix)
    async for page in pages:
        found += [item["Key"] for item in page.get("Contents", ())]
    return found
