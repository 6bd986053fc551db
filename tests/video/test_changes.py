"""While a film is changed its owner keeps the one they have; several clips change at once."""

from typing import Any

import httpx
import pytest

from contracts.video import ClipFailed, ClipsCompiled, VideoFailed
from local.vendors.faults import Fault
from services.video.media.mp4 import find_track, is_faststart, read_track
from services.video.media.program import Program
from services.video.tables import Attempt
from tests.video.bench import Bench, Owner
from tests.video.films import decoded_errors


async def finished(owner: Owner, clips: int = 3, **fields: Any) -> dict[str, Any]:
    made = await owner.draft(clips, **fields)
    await owner.pay(made)
    done = await owner.finish(made)
    assert done["status"] == "completed", done
    return done


async def film_of(owner: Owner, made: dict[str, Any]) -> dict[str, Any]:
    return await owner.get(f"/v1/videos/{made['id']}/download")


def hashes(film: dict[str, Any]) -> list[str]:
    return [file["sha256"] for file in film["files"]]


def choosing(now: dict[str, Any]) -> bool:
    return bool(now["progress"]["step"] == "choice")


async def change(owner: Owner, clip: dict[str, Any], **fields: Any) -> httpx.Response:
    return await owner.http.post(f"/v1/clips/{clip['id']}/remake", json=fields)


async def test_the_film_from_before_stays_downloadable_while_another_is_made(
    video: Bench,
) -> None:
    owner = video.owner()
    made = await finished(owner, music_track_id="open-door")
    assert made["has_film"] is True
    before = await film_of(owner, made)
    assert before["is_current"] is True
    [first, *_] = await owner.clips(made)
    other = str(await owner.image(seed=7))
    assert (await change(owner, first, image_id=other)).status_code == 200
    during = await film_of(owner, made)
    assert during["is_current"] is False
    assert hashes(during) == hashes(before)
    assert during["attribution"] == before["attribution"]
    async with httpx.AsyncClient() as web:
        for file in during["files"]:
            assert (await web.get(file["url"])).status_code == 200
    await owner.finish(made)
    after = await film_of(owner, made)
    assert after["is_current"] is True
    assert hashes(after) != hashes(before)


async def test_other_music_keeps_its_thanks_until_the_new_film_is_there(video: Bench) -> None:
    owner = video.owner()
    made = await finished(owner, 2, music_track_id="open-door")
    path = f"/v1/videos/{made['id']}"
    await owner.http.patch(path, json={"music_track_id": "first-light"})
    during = await film_of(owner, made)
    assert (during["is_current"], "Open Door" in during["attribution"]) == (False, True)
    await owner.finish(made)
    after = await film_of(owner, made)
    assert (after["is_current"], "First Light" in after["attribution"]) == (True, True)
    await owner.http.patch(path, json={"music_track_id": None})
    await owner.finish(made)
    assert (await film_of(owner, made))["attribution"] is None


async def test_a_change_that_fails_leaves_the_film_and_its_price(video: Bench) -> None:
    owner = video.owner()
    made = await finished(owner, 3)
    before = await film_of(owner, made)
    [first, *_] = await owner.clips(made)
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    await change(owner, first, motion_prompt="Something the model refuses")
    await owner.until(made, choosing)
    assert hashes(await film_of(owner, made)) == hashes(before)
    await owner.post(f"/v1/clips/{first['id']}/leave-out")
    done = await owner.finish(made)
    assert (done["status"], done["duration_seconds"]) == ("completed", 10)
    facts = await video.facts(owner.workspace_id, ClipFailed)
    assert [fact["paid_clip_count"] for fact in facts] == [None, None], "the first film showed it"
    assert await video.facts(owner.workspace_id, VideoFailed) == []
    answer = await change(owner, first, motion_prompt="Back again")
    assert answer.json()["code"] == "video_not_editable"


async def test_a_clip_left_out_of_the_first_film_takes_its_share_along(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft(3)
    video.fal.faults.add(Fault(operation="model", kind="error", times=1))
    await owner.pay(made)
    await owner.until(made, choosing)
    [failed] = [clip for clip in await owner.clips(made) if clip["status"] == "failed"]
    await owner.post(f"/v1/clips/{failed['id']}/leave-out")
    again = await owner.http.post(f"/v1/clips/{failed['id']}/leave-out")
    assert again.json()["code"] == "no_choice_to_make"
    facts = await video.facts(owner.workspace_id, ClipFailed)
    assert [(fact["reason"], fact["paid_clip_count"]) for fact in facts] == [
        ("content_policy_violation", None),
        ("left_out", 3),
    ]
    assert (await owner.finish(made))["status"] == "completed"


async def test_several_clips_are_changed_at_once_and_joined_once(video: Bench) -> None:
    owner = video.owner()
    made = await finished(owner, 4)
    clips = await owner.clips(made)
    for clip in clips[:3]:
        answer = await change(owner, clip, motion_prompt="Slowly to the window")
        assert answer.status_code == 200, answer.text
    twice = await change(owner, clips[0], motion_prompt="And once more")
    assert twice.json()["code"] == "video_not_editable", "it is being made"
    done = await owner.finish(made)
    assert done["actual_cost"] == made["actual_cost"] + 3 * 35 <= done["estimated_cost"]
    assert len(await video.rows(owner.workspace_id, Attempt)) == 4 + 3
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 2


async def test_a_photo_is_not_changed_under_a_transition_that_is_being_made(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(generate_native_audio=False)
    for number in range(3):
        await owner.clip(made, seed=number, transition_type="seamless")
    await owner.pay(made)
    await owner.finish(made)
    clips = await owner.clips(made)
    photos = [str(await owner.image(seed=7 + n)) for n in range(2)]
    assert (await change(owner, clips[1], image_id=photos[0])).status_code == 200
    for beside, name in ((0, "image_id"), (0, "end_image_id"), (2, "image_id")):
        answer = await change(owner, clips[beside], **{name: photos[1]})
        assert (answer.status_code, answer.json()["code"]) == (409, "video_not_editable")
    done = await owner.finish(made)
    assert (done["status"], done["duration_seconds"]) == ("completed", 25)


async def test_changes_end_where_the_vendor_would_take_too_much(video: Bench) -> None:
    owner = video.owner()
    made = await finished(owner, 2)
    [first, _] = await owner.clips(made)
    most = video.settings.most_cents_per_video
    assert most > 20 * 10 * 14 + 19 * 35, "every film may be made, whatever it costs"
    await video.spend(owner.workspace_id, most - made["actual_cost"] - 69)
    refused = await change(owner, first, duration_seconds=10)
    assert (refused.status_code, refused.json()["code"]) == (409, "edits_used_up")
    assert (await owner.now(made))["status"] == "completed"
    assert (await change(owner, first, motion_prompt="Still within")).status_code == 200


async def test_a_finished_film_has_a_small_silent_preview(
    video: Bench, program: Program, tmp_path: Any
) -> None:
    owner = video.owner()
    made = await finished(owner, 2, aspect_ratios=["16:9", "9:16"])
    film = await film_of(owner, made)
    path = tmp_path / "preview.mp4"
    async with httpx.AsyncClient() as web:
        path.write_bytes((await web.get(film["preview_url"])).content)
    assert is_faststart(path)
    assert find_track(path, "soun") is None
    assert 6 <= len(read_track(path, "vide").sizes) <= 20
    assert min(read_track(path, "vide").size) <= 240
    assert decoded_errors(program, path) == ""
    assert path.stat().st_size < min(file["size_bytes"] for file in film["files"])


@pytest.mark.parametrize("name", ["image_id", "end_image_id"])
@pytest.mark.parametrize(
    "photo",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://evil.example/photo.jpg",
        "file:///etc/passwd",
        "workspaces/w/projects/p/images/i.jpg",
    ],
)
async def test_a_photo_is_named_by_its_id_and_never_by_an_address(
    video: Bench, name: str, photo: str
) -> None:
    owner = video.owner()
    made = await owner.video()
    clip = await owner.clip(made)
    fields = {"image_id": clip["image_id"], name: photo}
    added = await owner.http.post(f"/v1/videos/{made['id']}/clips", json=fields)
    assert added.status_code == 422
    path = f"/v1/clips/{clip['id']}"
    for field in (name, "end_image_url", "source_key", "end_key", "clip_key"):
        assert (await owner.http.patch(path, json={field: photo})).status_code == 422
        assert (await change(owner, clip, **{field: photo})).status_code == 422


@pytest.mark.parametrize("name", ["image_id", "end_image_id"])
async def test_d17_a_photo_of_another_workspace_is_refused_everywhere(
    video: Bench, name: str
) -> None:
    owner, stranger = video.owner(), video.owner()
    foreign = str(await stranger.image())
    made = await owner.video()
    clip = await owner.clip(made)
    own = str(await owner.image())
    body = {"image_id": own, name: foreign}
    added = await owner.http.post(f"/v1/videos/{made['id']}/clips", json=body)
    assert added.status_code == 404
    assert (await change(owner, clip, **{name: foreign})).status_code == 404
    answer = await owner.http.patch(f"/v1/clips/{clip['id']}", json={name: foreign})
    assert answer.status_code == 404
    template = {"template_id": "before-after", "image_ids": [own, foreign]}
    empty = await owner.video()
    filled = await owner.http.post(f"/v1/videos/{empty['id']}/template", json=template)
    assert filled.status_code == 404
    assert await owner.clips(empty) == []
    [shown] = await owner.clips(made)
    assert (shown["image_id"], shown["end_image_id"]) == (clip["image_id"], None)
