"""All stand-ins in one process: found by their addresses, stopped by one signal."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from local.vendors.server import NAMES, Vendor, VendorsSettings, start_vendors


@asynccontextmanager
async def process(state: Path, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "VENDORS_STATE": str(state), **more}
    made = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.vendors"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield made
    finally:
        if made.returncode is None:
            made.kill()
        await made.wait()


async def addresses(state: Path) -> dict[str, str]:
    """What the process wrote, once it has; waits at most 30 seconds."""
    file = state / "addresses.json"
    async with asyncio.timeout(30):
        while not file.exists():
            await asyncio.sleep(0.02)
    found: dict[str, str] = json.loads(file.read_text())
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def children(pid: int) -> set[int]:
    """The process's descendants that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            child = int(stat.parent.name)
            found |= {child, *children(child)}
    return found


async def test_all_stand_ins_answer_and_one_signal_stops_them(tmp_path: Path) -> None:
    port = free_port()
    async with process(tmp_path, S3_PORT=str(port)) as vendors:
        found = await addresses(tmp_path)
        assert list(found) == list(NAMES)
        assert found["s3"] == f"http://127.0.0.1:{port}"
        # A pooled connection stays open, as every service keeps one.
        async with httpx.AsyncClient(timeout=10) as web:
            for address in found.values():
                answer = await web.get(f"{address}/_journal")
                assert (answer.status_code, answer.json()) == (200, [])
            helpers = children(vendors.pid)
            began = time.monotonic()
            vendors.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                output, _ = await vendors.communicate()
        assert time.monotonic() - began < 3.0
        assert vendors.returncode == 0, output
    assert not (tmp_path / "addresses.json").exists()
    left = [pid for pid in helpers if Path(f"/proc/{pid}").exists()]
    assert left == []


async def test_output_shows_no_secret_and_no_signed_url(tmp_path: Path) -> None:
    chosen = {"VENDORS_NAMES": '["s3", "resend"]', "VENDORS_S3_SECRET_KEY": "very-secret"}
    async with process(tmp_path, **chosen) as vendors:
        found = await addresses(tmp_path)
        assert list(found) == ["s3", "resend"]
        async with httpx.AsyncClient() as web:
            signed = {"X-Amz-Signature": "f00d", "X-Amz-Algorithm": "AWS4-HMAC-SHA256"}
            await web.get(f"{found['s3']}/media/x", params=signed)
        vendors.send_signal(signal.SIGINT)
        output, _ = await vendors.communicate()
    assert vendors.returncode == 0
    assert b"very-secret" not in output
    assert b"f00d" not in output


async def test_a_request_under_way_is_finished_before_the_end(tmp_path: Path) -> None:
    settings = VendorsSettings(names=["resend"], state=tmp_path, resend_api_key="re_test")
    running = await start_vendors(settings)
    mail = {"from": "a@studio.no", "to": "b@studio.no", "subject": "Hei", "text": "Hei"}
    headers = {"authorization": "Bearer re_test"}
    async with httpx.AsyncClient(base_url=running.addresses["resend"], timeout=10) as web:
        faults = [{"operation": "send", "kind": "delay", "seconds": 0.5}]
        await web.put("/_faults", json=faults)
        sending = asyncio.create_task(web.post("/emails", json=mail, headers=headers))
        async with asyncio.timeout(5):
            while not running.stand_ins["resend"].journal.entries("fault"):
                await asyncio.sleep(0.01)
        await running.stop()
        assert (await sending).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await web.get("/_journal")
    assert len(running.stand_ins["resend"].journal.entries("send")) == 1


async def test_two_sets_run_beside_each_other_but_not_on_one_state(tmp_path: Path) -> None:
    one = await start_vendors(VendorsSettings(names=["s3"], state=tmp_path / "one"))
    two = await start_vendors(VendorsSettings(names=["s3"], state=tmp_path / "two"))
    try:
        assert one.addresses != two.addresses
        with pytest.raises(RuntimeError, match="already run"):
            await start_vendors(VendorsSettings(names=["s3"], state=tmp_path / "one"))
        assert (tmp_path / "one/addresses.json").exists()
    finally:
        await one.stop()
        await two.stop()
    again = await start_vendors(VendorsSettings(names=["s3"], state=tmp_path / "one"))
    await again.stop()


async def test_a_taken_port_stops_the_start_and_frees_the_rest(tmp_path: Path) -> None:
    orders: list[list[Vendor]] = [["resend", "s3"], ["s3", "resend"]]
    for names in orders:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            settings = VendorsSettings(names=names, state=tmp_path)
            settings.resend_port, settings.s3_port = free_port(), taken.getsockname()[1]
            with pytest.raises(OSError, match="Address already in use"):
                await start_vendors(settings)
    settings.s3_port = 0
    running = await start_vendors(settings)
    await running.stop()


async def test_a_name_nobody_knows_is_refused(tmp_path: Path) -> None:
    async with process(tmp_path, VENDORS_NAMES='["paypal"]') as vendors:
        output, _ = await vendors.communicate()
    assert vendors.returncode == 1
    assert b"paypal" in output
