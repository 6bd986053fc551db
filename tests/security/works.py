"""Examples that take work: paid, failed and finished things, and the commission on one."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from local.demo.pay import press
from tests.security.belongings import (
    POLL_SECONDS,
    Belongings,
    Ids,
    confirm,
    make_project,
    make_video,
    order,
    refer,
    until,
    upload_into,
)
from tests.security.studio import Studio

WORK_SECONDS = 90.0
FAILING = 4


@dataclass(frozen=True)
class Example:
    """What is named and said; a session only where not any owner's or administrator's will do."""

    ids: Ids = field(default_factory=dict)
    body: Any = None
    session: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """With them the body is sent byte for byte."""


async def make_failed(studio: Studio, ours: Belongings) -> dict[str, Example]:
    """One after the other, and nothing beside: the model must fail at just these pictures."""
    clips = await _failed_clips(studio, ours)
    choices = ("retry", "remake", "ken-burns", "leave-out")
    made = {
        f"POST /v1/clips/{{clip_id}}/{choice}": Example({"clip": clip}, {})
        for choice, clip in zip(choices, clips, strict=True)
    }
    project = await _failed_project(studio, ours)
    made["POST /v1/projects/{project_id}/retry"] = Example({"project": project})
    video = await _refused_change(studio, ours)
    made["POST /v1/videos/{video_id}/undo"] = Example({"video": video})
    return made


async def start_project(studio: Studio, ours: Belongings) -> Example:
    """Its photo came after the money."""
    project = await make_project(studio, ours.owner, {})
    await _grant(studio, ours, "photo_project", project)
    async with asyncio.timeout(WORK_SECONDS):
        while "Paid" not in (await _progress(studio, ours, project))["label"]:
            await asyncio.sleep(POLL_SECONDS)
    await confirm(studio, ours.owner, await upload_into(studio, ours.owner, project))
    return Example({"project": project})


async def _progress(studio: Studio, ours: Belongings, project: str) -> dict[str, Any]:
    found = await studio.done("GET", f"/v1/projects/{project}", ours.owner)
    progress: dict[str, Any] = found["progress"]
    return progress


async def _failed_project(studio: Studio, ours: Belongings) -> str:
    """One picture done, one refused by the model."""
    body = {"name": "Half", "style_template_id": "scandinavian", "room_type": "kitchen"}
    project = str((await studio.done("POST", "/v1/projects", ours.owner, body))["id"])
    for _ in range(2):
        await confirm(studio, ours.owner, await upload_into(studio, ours.owner, project))
    await _let_the_model_fail(studio, 1)
    await _grant(studio, ours, "photo_project", project)
    await until(studio, ours.owner, f"/v1/projects/{project}", "failed")
    return project


async def _failed_clips(studio: Studio, ours: Belongings) -> list[str]:
    """Those the owner must decide about; the film waits for it."""
    video = await _draft(studio, ours, FAILING + 1)
    await _let_the_model_fail(studio, FAILING)
    await _grant(studio, ours, "video", video)
    return await _failed_of(studio, ours, video, FAILING)


async def _failed_of(studio: Studio, ours: Belongings, video: str, count: int) -> list[str]:
    async with asyncio.timeout(WORK_SECONDS):
        while True:
            found = await studio.done("GET", f"/v1/videos/{video}/clips", ours.owner)
            failed = [clip["id"] for clip in found["items"] if clip["status"] == "failed"]
            if len(failed) == count:
                return failed
            await asyncio.sleep(POLL_SECONDS)


async def _refused_change(studio: Studio, ours: Belongings) -> str:
    """A finished film, one clip of which the model would not make anew."""
    video = (await download_film(studio, ours)).ids["video"]
    found = await studio.done("GET", f"/v1/videos/{video}/clips", ours.owner)
    clip, wish = found["items"][0]["id"], {"motion_prompt": "Something else"}
    await _let_the_model_fail(studio, 1)
    await studio.done("POST", f"/v1/clips/{clip}/remake", ours.owner, wish)
    await _failed_of(studio, ours, video, 1)
    return video


async def download_film(studio: Studio, ours: Belongings) -> Example:
    video = await _draft(studio, ours, 2)
    await _grant(studio, ours, "video", video)
    await until(studio, ours.owner, f"/v1/videos/{video}", "completed")
    return Example({"video": video})


async def _draft(studio: Studio, ours: Belongings, clips: int) -> str:
    video = await make_video(studio, ours.owner, {})
    body = {"image_id": ours.ids["image"], "room_type": "kitchen"}
    for _ in range(clips):
        await studio.done("POST", f"/v1/videos/{video}/clips", ours.owner, body)
    return video


async def _let_the_model_fail(studio: Studio, times: int) -> None:
    fault = {"operation": "model", "kind": "error", "times": times}
    async with httpx.AsyncClient(timeout=10, trust_env=False) as control:
        place = f"{studio.up.product.addresses['fal']}/_faults"
        (await control.put(place, json=[fault])).raise_for_status()


async def _grant(studio: Studio, ours: Belongings, kind: str, billable_id: str) -> None:
    body = {
        "workspace_id": ours.owner.workspace_id,
        "billable_kind": kind,
        "billable_id": billable_id,
        "reason": "an example",
    }
    await studio.done("POST", "/v1/admin/billing/grants", await studio.administrator(), body)


async def record_payout(studio: Studio, ours: Belongings) -> Example:
    """Somebody whom the workspace referred has paid by card."""
    referred = await studio.sign_up("referred")
    await refer(studio, ours.owner, referred)
    project = await make_project(studio, referred, {})
    body = order("photo_project", project, "stripe")
    payment = await studio.done("POST", "/v1/payments", referred, body)
    await press(payment["checkout_url"], "pay")
    async with asyncio.timeout(WORK_SECONDS):
        while not (await studio.done("GET", "/v1/affiliate/earnings", ours.owner))["items"]:
            await asyncio.sleep(POLL_SECONDS)
    return Example(
        body={
            "affiliate_workspace_id": ours.owner.workspace_id,
            "reference": uuid4().hex,
            "currency": "usd",
        }
    )
