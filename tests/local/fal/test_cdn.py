"""fal's own client against its stand-in: uploads and files."""

import asyncio
import io
from pathlib import Path

import fal_client
import httpx

from local.vendors.control import StandIn
from tests.support.fal import PHOTO, Outside, photo_of


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        return await http.get(url)


async def test_an_upload_can_be_read_and_expires(
    client: fal_client.AsyncClient, stand_in: StandIn
) -> None:
    url = await client.upload(b"bytes", "text/plain", "../note one.txt")
    answer = await get(url)
    assert url.startswith(f"{stand_in.address}/files/")
    assert (answer.content, answer.headers["content-type"][:10]) == (b"bytes", "text/plain")
    short = fal_client.StorageSettings(expires_in=1)
    gone = await client.upload(b"bytes", "text/plain", lifecycle=short)
    assert (await get(gone)).status_code == 200
    async with asyncio.timeout(5):
        while (await get(gone)).status_code != 404:
            await asyncio.sleep(0.1)


async def test_an_upload_needs_a_token(stand_in: StandIn) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        headers = {"Authorization": "Bearer 99999999999.forged"}
        answer = await http.post(
            f"{stand_in.address}/files/upload", headers=headers, content=io.BytesIO(b"x").read()
        )
    assert answer.status_code == 401


async def test_files_live_in_the_state_folder_and_inputs_are_not_kept(
    client: fal_client.AsyncClient, world: Outside, stand_in: StandIn
) -> None:
    await (await client.submit(PHOTO, photo_of(world))).get(interval=0.02)
    kept = {path.name for path in Path(stand_in.state).iterdir()}
    assert kept >= {"fal.db", "files", "journal.jsonl", "webhook.key", "work"}
    assert not list((stand_in.state / "work").iterdir())
