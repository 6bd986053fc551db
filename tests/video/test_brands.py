"""One generation gives a film with the workspace's end card, without it, or both."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from contracts.identity import WorkspaceBranded
from contracts.video import ClipsCompiled
from services.video.branding.rules import SIDE, draw_card
from services.video.media.mp4 import is_faststart, read_track
from services.video.media.program import Program
from services.video.rendering.rules import CARD_SECONDS
from services.video.tables import Attempt, Compilation, Segment
from tests.video.bench import Bench, Owner
from tests.video.films import audio_lag_frames, decoded_errors, frame_at
from tests.video.pictures import logo

GREEN = "#0A7D32"
BOTH = ["unbranded", "branded"]


async def branded(video: Bench, **look: Any) -> Owner:
    """The owner of a workspace with a logo and a colour."""
    owner = video.owner(plan="enterprise")
    key = f"workspaces/{owner.workspace_id}/branding/logo-1.png"
    await video.storage.write(key, logo(), content_type="image/png")
    told = {"logo_key": key, "primary_color": GREEN, **look}
    await video.react(WorkspaceBranded(workspace_id=owner.workspace_id, **told))
    return owner


async def fetched(file: dict[str, Any], folder: Path) -> Path:
    path = folder / f"{file['is_branded']}-{file['aspect_ratio'].replace(':', 'x')}.mp4"
    async with httpx.AsyncClient() as web:
        path.write_bytes((await web.get(file["url"])).content)
    return path


async def test_one_generation_gives_every_size_with_and_without_the_card(
    video: Bench, program: Program, tmp_path: Path
) -> None:
    owner = await branded(video)
    aspects = ["16:9", "9:16", "1:1"]
    made = await owner.draft(2, aspect_ratios=aspects, brandings=BOTH, music_track_id="open-door")
    assert made["brandings"] == BOTH
    await owner.pay(made)
    done = await owner.finish(made)
    assert (done["status"], done["actual_cost"], done["duration_seconds"]) == ("completed", 70, 10)
    assert len(await video.rows(owner.workspace_id, Attempt)) == 2

    film = await owner.get(f"/v1/videos/{made['id']}/download")
    shown = {(file["is_branded"], file["aspect_ratio"]) for file in film["files"]}
    assert shown == {(is_branded, one) for is_branded in (False, True) for one in aspects}
    for file in film["files"]:
        path = await fetched(file, tmp_path)
        frames = 300 + 30 * CARD_SECONDS * file["is_branded"]
        assert len(read_track(path, "vide").sizes) == frames
        assert file["duration_seconds"] == frames / 30
        assert is_faststart(path)
        assert abs(audio_lag_frames(path)) < 1
        assert decoded_errors(program, path) == ""
        if file["is_branded"]:
            assert_shows_card(frame_at(program, path, frames / 30 - 1))
    [fact] = await video.facts(owner.workspace_id, ClipsCompiled)
    assert (len(fact["outputs"]), len(fact["branded_outputs"])) == (3, 3)


def assert_shows_card(picture: Any) -> None:
    """Green to the edges, the red disc in the middle."""
    height, width, _ = picture.shape
    red, green, blue = (int(part) for part in picture[height // 2, width // 2])
    assert red > 150
    assert max(green, blue) < 90
    for at in ((4, 4), (4, width - 5), (height - 5, 4), (height - 5, width - 5)):
        red, green, blue = (int(part) for part in picture[at])
        assert green > red + 40, f"the workspace's colour at {at}"
        assert green > blue + 30


async def test_adding_the_card_to_a_finished_film_charges_nothing(video: Bench) -> None:
    owner = await branded(video)
    made = await owner.draft(2)
    await owner.pay(made)
    before = await owner.finish(made)
    path = f"/v1/videos/{made['id']}"
    answer = await owner.http.patch(path, json={"brandings": ["branded"]})
    assert answer.json()["status"] == "compiling"
    after = await owner.finish(made)
    assert after["actual_cost"] == before["actual_cost"]
    assert after["duration_seconds"] == before["duration_seconds"] + CARD_SECONDS
    files = (await owner.get(f"{path}/download"))["files"]
    assert [file["is_branded"] for file in files] == [True]
    assert len(await video.rows(owner.workspace_id, Attempt)) == 2
    parts = sorted(row.part for row in await video.rows(owner.workspace_id, Segment))
    assert parts == ["card", "clip", "clip"]
    back = await owner.http.patch(path, json={"brandings": ["unbranded"]})
    assert back.json()["status"] == "completed", "that film is there already"
    assert len(await video.rows(owner.workspace_id, Compilation)) == 2


@pytest.mark.parametrize(
    ("plan", "code", "status"),
    [("pro", "branding_not_allowed", 403), ("enterprise", "brand_missing", 409)],
)
async def test_who_may_not_brand_is_told_why(
    video: Bench, plan: str, code: str, status: int
) -> None:
    owner = video.owner(plan=plan)
    body = {"name": "a", "brandings": ["branded"]}
    refused = await owner.http.post("/v1/videos", json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    made = await owner.video()
    refused = await owner.http.patch(f"/v1/videos/{made['id']}", json={"brandings": BOTH})
    assert (refused.status_code, refused.json()["code"]) == (status, code)


@pytest.mark.parametrize("brandings", [[], ["none"], ["branded", "branded", "branded"], "branded"])
async def test_unknown_brandings_are_refused(video: Bench, brandings: Any) -> None:
    body = {"name": "a", "brandings": brandings}
    assert (await video.owner().http.post("/v1/videos", json=body)).status_code == 422


async def test_the_newest_look_counts_in_whatever_order_it_is_heard(video: Bench) -> None:
    owner = await branded(video)
    without = WorkspaceBranded(workspace_id=owner.workspace_id, logo_key=None)
    long_ago = without.occurred_at - timedelta(days=300)
    body = {"name": "a", "brandings": ["branded"]}
    await video.react(without.model_copy(update={"occurred_at": long_ago}))
    assert (await owner.http.post("/v1/videos", json=body)).status_code == 201
    await video.react(without)
    assert (await owner.http.post("/v1/videos", json=body)).status_code == 409


def test_the_card_is_the_same_every_time_and_shows_its_middle_in_every_shape() -> None:
    card = draw_card(logo(), GREEN, "#FFCC00")
    assert card == draw_card(logo(), GREEN, "#FFCC00")
    assert card != draw_card(logo(), GREEN, None)
    picture = np.asarray(Image.open(BytesIO(card)))
    marked = np.argwhere(np.abs(picture.astype(int) - picture[0, 0]).sum(axis=2) > 30)
    seen = SIDE * 9 / 16 / 1.12 / 2
    assert np.abs(marked - SIDE / 2).max() < seen
