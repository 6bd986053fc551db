"""The doors of the video service, by HTTP on a real port."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from uuid_utils.compat import uuid7

from contracts.video import VideoCreated, VideoDeleted
from services.video.tables import VideoClip
from tests.video.bench import Bench
from tests.video.pictures import photo


async def test_a_drafted_video_is_told_and_shown(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(description="By the sea", aspect_ratios=["9:16", "1:1"])
    assert made["status"] == "draft"
    assert made["progress"] == {"step": "draft", "label": "Not started", "progress": 0}
    assert made["music_volume"] == 50
    assert made["generate_native_audio"] is True
    assert await owner.now(made) == made
    [fact] = await video.facts(owner.workspace_id, VideoCreated)
    assert (fact["video_id"], fact["name"]) == (made["id"], "12 Harbour Street")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a\0b"},
        {"name": "a", "aspect_ratios": []},
        {"name": "a", "aspect_ratios": ["4:3"]},
        {"name": "a", "music_volume": 101},
        {"name": "a", "music_volume": -1},
        {"name": "a", "status": "completed"},
    ],
)
async def test_a_bad_body_is_refused_in_words(video: Bench, body: dict[str, Any]) -> None:
    answer = await video.owner().http.post("/v1/videos", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_track_is_refused(video: Bench) -> None:
    answer = await video.owner().http.post(
        "/v1/videos", json={"name": "a", "music_track_id": "nothing"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_music_track")


async def test_lists_are_paged_newest_first(video: Bench) -> None:
    owner = video.owner()
    made = [(await owner.video(name=str(number)))["name"] for number in range(3)]
    first = await owner.get("/v1/videos?limit=2")
    rest = await owner.get(f"/v1/videos?limit=2&cursor={first['next_cursor']}")
    assert [one["name"] for one in [*first["items"], *rest["items"]]] == made[::-1]
    assert rest["next_cursor"] is None
    assert (await owner.http.get("/v1/videos?cursor=%00")).status_code == 422


async def test_other_workspaces_see_nothing(video: Bench) -> None:
    owner, stranger = video.owner(), video.owner()
    made = await owner.video()
    clip = await owner.clip(made)
    for method, path in [
        ("GET", f"/v1/videos/{made['id']}"),
        ("PATCH", f"/v1/videos/{made['id']}"),
        ("DELETE", f"/v1/videos/{made['id']}"),
        ("GET", f"/v1/videos/{made['id']}/clips"),
        ("POST", f"/v1/videos/{made['id']}/auto-order"),
        ("GET", f"/v1/videos/{made['id']}/download"),
        ("PATCH", f"/v1/clips/{clip['id']}"),
        ("DELETE", f"/v1/clips/{clip['id']}"),
        ("POST", f"/v1/clips/{clip['id']}/retry"),
        ("POST", f"/v1/clips/{clip['id']}/remake"),
        ("POST", f"/v1/videos/{made['id']}/undo"),
        ("POST", f"/v1/clips/{clip['id']}/ken-burns"),
        ("POST", f"/v1/clips/{clip['id']}/leave-out"),
    ]:
        body: dict[str, Any] | None = {} if method == "PATCH" or "remake" in path else None
        answer = await stranger.http.request(method, path, json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    assert (await stranger.get("/v1/videos"))["items"] == []


async def test_a_member_changes_only_their_own(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    member = video.owner(owner.caller.model_copy(update={"member_id": uuid4(), "role": "member"}))
    assert (await member.now(made))["id"] == made["id"]
    answer = await member.http.patch(f"/v1/videos/{made['id']}", json={"name": "mine"})
    assert answer.status_code == 403


async def test_a_suspended_workspace_starts_nothing(video: Bench) -> None:
    suspended = video.owner(workspace_status="suspended")
    assert (await suspended.get("/v1/videos"))["items"] == []
    answer = await suspended.http.post("/v1/videos", json={"name": "a"})
    assert (answer.status_code, answer.json()["code"]) == (403, "workspace_suspended")


async def test_nobody_enters_without_a_token(video: Bench) -> None:
    owner = video.owner()
    answer = await owner.http.get("/v1/videos", auth=None)
    assert answer.status_code == 401


async def test_a_clip_takes_the_room_of_its_photo(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(generate_native_audio=False)
    first = await owner.clip(made, room_of_image="sauna")
    second = await owner.clip(made, room_of_image=None, duration_seconds=10)
    assert (first["room_type"], second["room_type"]) == ("sauna", "other")
    assert (first["sequence_order"], second["sequence_order"]) == (1, 2)
    assert (await owner.now(made))["estimated_cost"] == 35 + 70


async def test_a_clip_of_another_workspaces_photo_is_refused(video: Bench) -> None:
    owner, stranger = video.owner(), video.owner()
    made = await owner.video()
    foreign = await stranger.image()
    answer = await owner.http.post(
        f"/v1/videos/{made['id']}/clips", json={"image_id": str(foreign)}
    )
    assert answer.status_code == 404


async def test_a_photo_finished_a_moment_ago_is_waited_for(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    image_id, key = uuid7(), "late.jpg"
    await video.storage.write(key, photo(1), content_type="image/jpeg")
    body = {"image_id": str(image_id)}
    asking = asyncio.create_task(owner.http.post(f"/v1/videos/{made['id']}/clips", json=body))
    await asyncio.sleep(0.3)
    await video.react(owner.offered(image_id, key, "garden"))
    answer = await asking
    assert (answer.status_code, answer.json()["room_type"]) == (201, "garden")


async def test_order_stays_dense_through_every_change(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    rooms = ["garden", "kitchen", "exterior", "hallway"]
    clips = [await owner.clip(made, room_type=room) for room in rooms]

    async def shown() -> list[tuple[int, str]]:
        return [(one["sequence_order"], one["room_type"]) for one in await owner.clips(made)]

    await owner.post(f"/v1/videos/{made['id']}/auto-order")
    assert await shown() == [(1, "exterior"), (2, "hallway"), (3, "kitchen"), (4, "garden")]
    wanted = [clips[n]["id"] for n in (3, 0, 2, 1)]
    answer = await owner.http.put(f"/v1/videos/{made['id']}/order", json={"clip_ids": wanted})
    assert answer.status_code == 200
    assert [room for _, room in await shown()] == ["hallway", "garden", "exterior", "kitchen"]
    assert (await owner.http.delete(f"/v1/clips/{clips[0]['id']}")).status_code == 204
    assert await shown() == [(1, "hallway"), (2, "exterior"), (3, "kitchen")]
    for wrong in (wanted, wanted[:1], [wanted[0]] * 3):
        answer = await owner.http.put(f"/v1/videos/{made['id']}/order", json={"clip_ids": wrong})
        assert answer.json()["code"] == "order_incomplete"


async def test_clips_are_added_in_order_however_many_hands_add_them(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    images = [await owner.image(seed=number) for number in range(6)]
    path = f"/v1/videos/{made['id']}/clips"
    answers = await asyncio.gather(
        *(owner.http.post(path, json={"image_id": str(image)}) for image in images)
    )
    assert {answer.status_code for answer in answers} == {201}
    assert [one["sequence_order"] for one in await owner.clips(made)] == [1, 2, 3, 4, 5, 6]


async def test_a_video_has_at_most_twenty_clips(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    image = str(await owner.image())
    path = f"/v1/videos/{made['id']}/clips"
    for _ in range(20):
        await owner.post(path, {"image_id": image})
    answer = await owner.http.post(path, json={"image_id": image})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_clips")


async def test_many_hands_do_not_add_a_twenty_first_clip(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    body = {"image_id": str(await owner.image())}
    path = f"/v1/videos/{made['id']}/clips"
    for _ in range(16):
        await owner.post(path, body)
    answers = await asyncio.gather(*(owner.http.post(path, json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 4
    orders = [clip["sequence_order"] for clip in await owner.clips(made)]
    assert orders == list(range(1, 21))


async def test_a_clip_is_changed_until_the_video_is_paid(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    clip = await owner.clip(made)
    await owner.clip(made)
    end = str(await owner.image())
    changes = {"end_image_id": end, "motion_prompt": "Glide", "duration_seconds": 10}
    answer = await owner.http.patch(f"/v1/clips/{clip['id']}", json=changes)
    assert {name: answer.json()[name] for name in changes} == changes
    [row, _] = await video.rows(owner.workspace_id, VideoClip)
    assert row.end_key.endswith(f"{end}.jpg")
    await owner.pay(made)
    for method, verb in (("PATCH", ""), ("DELETE", ""), ("POST", "/remake")):
        answer = await owner.http.request(method, f"/v1/clips/{clip['id']}{verb}", json={})
        assert answer.json()["code"] == "video_not_editable"


async def test_a_deleted_video_is_gone_and_told(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    await owner.clip(made)
    assert (await owner.http.delete(f"/v1/videos/{made['id']}")).status_code == 204
    assert (await owner.http.get(f"/v1/videos/{made['id']}")).status_code == 404
    await video.work(owner.workspace_id)
    [fact] = await video.facts(owner.workspace_id, VideoDeleted)
    assert fact["video_id"] == made["id"]


async def test_the_same_key_drafts_once(video: Bench) -> None:
    owner = video.owner()
    headers = {"idempotency-key": "once"}
    body = {"name": "a"}
    first = await owner.http.post("/v1/videos", json=body, headers=headers)
    again = await owner.http.post("/v1/videos", json=body, headers=headers)
    assert first.json()["id"] == again.json()["id"]
    assert len((await owner.get("/v1/videos"))["items"]) == 1


async def test_tracks_tell_their_licence_beats_and_how_they_sound(video: Bench) -> None:
    owner = video.owner()
    tracks = (await owner.get("/v1/music-tracks"))["items"]
    assert len(tracks) >= 4
    for track in tracks:
        assert 60 <= track["duration_seconds"] <= 90
        assert track["license_type"] == "CC0-1.0"
        assert track["name"] in track["attribution"]
        steps = {b - a for a, b in zip(track["beats_ms"], track["beats_ms"][1:], strict=False)}
        assert max(abs(step - 60_000 / track["bpm"]) for step in steps) < 1
        async with httpx.AsyncClient() as web:
            heard = await web.get(track["preview_url"])
            seen = await web.get(track["waveform_url"])
        assert heard.content[4:8] == b"ftyp"
        assert seen.content.startswith(b"\x89PNG")


async def test_a_film_is_not_offered_before_it_is_made(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    answer = await owner.http.get(f"/v1/videos/{made['id']}/download")
    assert (answer.status_code, answer.json()["code"]) == (409, "film_not_ready")
