"""A finished film is changed: only what changed is made and charged again."""

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from contracts.imaging import ImageUploaded
from contracts.video import ClipsCompiled
from services.video.clips.rules import TEMPLATES
from services.video.tables import Attempt, Segment, VideoClip
from tests.video.bench import Bench, Owner


async def finished(owner: Owner, clips: int = 3, **fields: Any) -> dict[str, Any]:
    made = await owner.draft(clips, **fields)
    await owner.pay(made)
    done = await owner.finish(made)
    assert done["status"] == "completed", done
    return done


async def charged(video: Bench, owner: Owner) -> dict[str, int]:
    """US cents the vendor took, by clip."""
    cents: dict[str, int] = {}
    for attempt in await video.rows(owner.workspace_id, Attempt):
        clip = str(attempt.clip_id)
        cents[clip] = cents.get(clip, 0) + attempt.cost_cents
    return cents


@pytest.mark.parametrize(
    ("change", "cents"),
    [
        ({"motion_prompt": "Orbit the island"}, 35),
        ({"duration_seconds": 10}, 70),
        ({"image_id": "another"}, 35),
    ],
    ids=["motion", "duration", "photo"],
)
async def test_a_changed_clip_alone_is_made_and_charged_again(
    video: Bench, change: dict[str, Any], cents: int
) -> None:
    owner = video.owner()
    before = await finished(owner)
    clips, paid = await owner.clips(before), await charged(video, owner)
    if "image_id" in change:
        change = {"image_id": str(await owner.image(seed=7))}
    path = f"/v1/clips/{clips[1]['id']}"
    unmetered = await owner.http.patch(path, json=change)
    assert unmetered.json()["code"] == "video_not_editable", "asking the model is a call of its own"
    answer = await owner.http.post(f"{path}/remake", json=change)
    assert answer.status_code == 200, answer.text
    assert (await owner.now(before))["status"] == "generating"
    after = await owner.finish(before)
    assert after["status"] == "completed"
    again = await charged(video, owner)
    assert {clip: again[clip] - paid[clip] for clip in again} == {
        clips[0]["id"]: 0,
        clips[1]["id"]: cents,
        clips[2]["id"]: 0,
    }
    assert after["actual_cost"] == before["actual_cost"] + cents <= after["estimated_cost"]
    # The model may send the very same bytes for other words.
    assert len(await video.rows(owner.workspace_id, Segment)) in (3, 4)
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 2


async def test_order_music_and_volume_charge_nothing(video: Bench) -> None:
    owner = video.owner()
    before = await finished(owner, music_track_id="open-door")
    paid = await charged(video, owner)
    ids = [clip["id"] for clip in await owner.clips(before)]
    path = f"/v1/videos/{before['id']}"
    for change in ({"music_volume": 80}, {"music_track_id": "first-light"}):
        assert (await owner.http.patch(path, json=change)).json()["status"] == "compiling"
        await owner.finish(before)
    await owner.http.put(f"{path}/order", json={"clip_ids": ids[::-1]})
    assert (await owner.finish(before))["status"] == "completed"
    assert await charged(video, owner) == paid
    assert len(await video.rows(owner.workspace_id, Segment)) == 3


async def test_a_changed_photo_takes_its_transitions_along(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(generate_native_audio=False)
    for number in range(3):
        await owner.clip(made, seed=number, transition_type="seamless")
    await owner.pay(made)
    before = await owner.finish(made)
    clips, paid = await owner.clips(made), await charged(video, owner)
    another = str(await owner.image(seed=7))
    await owner.post(f"/v1/clips/{clips[2]['id']}/remake", {"image_id": another})
    after = await owner.finish(made)
    again = await charged(video, owner)
    assert [again[clip["id"]] - paid[clip["id"]] for clip in clips] == [0, 35, 35]
    assert after["actual_cost"] <= after["estimated_cost"]
    assert after["duration_seconds"] == before["duration_seconds"] == 25


async def test_another_order_fades_where_a_transition_fits_no_more(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video(generate_native_audio=False)
    for number in range(2):
        await owner.clip(made, seed=number, transition_type="seamless")
    await owner.pay(made)
    before = await owner.finish(made)
    ids = [clip["id"] for clip in await owner.clips(made)]
    await owner.http.put(f"/v1/videos/{made['id']}/order", json={"clip_ids": ids[::-1]})
    after = await owner.finish(made)
    assert after["status"] == "completed"
    assert after["actual_cost"] == before["actual_cost"]
    assert after["duration_seconds"] < before["duration_seconds"]


async def test_what_is_not_changed_is_not_made_again(video: Bench) -> None:
    owner = video.owner()
    before = await finished(owner, 2)
    [clip, _] = await owner.clips(before)
    path = f"/v1/clips/{clip['id']}"
    same = {"image_id": clip["image_id"], "duration_seconds": 5, "room_label": "Kitchen, new"}
    assert (await owner.http.patch(path, json=same)).status_code == 200
    assert (await owner.now(before))["status"] == "completed"
    assert (await owner.post(f"{path}/remake", same))["room_label"] == "Kitchen, new"
    assert (await owner.now(before))["status"] == "completed"
    for answer in (
        await owner.http.patch(path, json={"transition_type": "seamless"}),
        await owner.http.post(f"{path}/remake", json={"transition_type": "seamless"}),
    ):
        assert answer.json()["code"] == "video_not_editable"


async def test_a_clip_from_a_photo_that_was_only_uploaded(video: Bench) -> None:
    owner = video.owner()
    enhanced, uploaded = await owner.image(seed=1), uuid7()
    event = ImageUploaded(
        workspace_id=owner.workspace_id,
        project_id=uuid7(),
        image_id=uploaded,
        room_type="garden",
        original_key=owner.offered(enhanced, f"{enhanced}.jpg", None).result_key,
        width=320,
        height=240,
    )
    await video.react(event)
    made = await owner.video(generate_native_audio=False)
    path = f"/v1/videos/{made['id']}/clips"
    assert (await owner.post(path, {"image_id": str(uploaded)}))["room_type"] == "garden"


async def test_an_enhanced_photo_takes_the_place_of_its_original(video: Bench) -> None:
    owner = video.owner()
    image_id = uuid7()
    done = owner.offered(image_id, "enhanced.jpg", "garden")
    told = done.model_dump(include={"workspace_id", "project_id", "image_id", "width", "height"})
    upload = ImageUploaded(**told, room_type="garden", original_key="original.jpg")
    for event in (upload, done, upload):
        await video.react(event)
    made = await owner.video()
    clip = await owner.post(f"/v1/videos/{made['id']}/clips", {"image_id": str(image_id)})
    [row] = await video.rows(owner.workspace_id, VideoClip)
    assert (str(row.id), row.source_key) == (clip["id"], "enhanced.jpg")


async def test_any_version_of_a_photo_may_be_filmed_and_late_news_change_nothing(
    video: Bench,
) -> None:
    owner, image_id = video.owner(), uuid7()
    made = await owner.video()
    path = f"/v1/videos/{made['id']}/clips"
    versions = [owner.offered(image_id, f"version-{n}.jpg", "garden", n) for n in (1, 2, 3)]
    for event in (versions[2], versions[0], versions[1]):
        await video.react(event)
    newest = await owner.post(path, {"image_id": str(image_id)})
    second = await owner.post(path, {"image_id": str(image_id), "image_version": 2})
    ending = {"image_id": str(image_id), "end_image_id": str(image_id), "end_image_version": 1}
    third = await owner.post(path, ending)
    assert [one["image_version"] for one in (newest, second, third)] == [3, 2, 3]
    rows = await video.rows(owner.workspace_id, VideoClip)
    assert [row.source_key for row in rows] == [f"version-{n}.jpg" for n in (3, 2, 3)]
    assert rows[2].end_key == "version-1.jpg"
    unknown = await owner.http.post(path, json={"image_id": str(image_id), "image_version": 9})
    assert unknown.status_code == 404
    body = {"image_version": 1, "end_image_id": None}
    changed = await owner.http.patch(f"/v1/clips/{third['id']}", json=body)
    assert (changed.json()["image_version"], changed.json()["end_image_version"]) == (1, None)


async def test_before_and_after_shows_the_photo_as_it_was_and_as_it_became(video: Bench) -> None:
    owner, image_id = video.owner(), uuid7()
    done = owner.offered(image_id, "enhanced.jpg", "garden", 2)
    told = done.model_dump(include={"workspace_id", "project_id", "image_id", "width", "height"})
    await video.react(done)
    await video.react(ImageUploaded(**told, room_type="garden", original_key="original.jpg"))
    made = await owner.video()
    body = {"template_id": "before-after", "image_ids": [str(image_id)] * 2}
    filled = await owner.post(f"/v1/videos/{made['id']}/template", body)
    assert [clip["image_version"] for clip in filled["items"]] == [0, 2]
    rows = await video.rows(owner.workspace_id, VideoClip)
    assert [row.source_key for row in rows] == ["original.jpg", "enhanced.jpg"]


async def test_the_wizard_shows_its_templates(video: Bench) -> None:
    listed = (await video.owner().get("/v1/videos/templates"))["items"]
    assert {one["id"]: len(one["slots"]) for one in listed} == {
        "classic-tour": 8,
        "highlights": 4,
        "apartment": 4,
        "social-reel": 3,
        "before-after": 2,
    }


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda one: one.id)
async def test_a_template_fills_a_draft(video: Bench, template: Any) -> None:
    owner = video.owner()
    made = await owner.video(aspect_ratios=[template.aspect_ratio], generate_native_audio=False)
    rooms = [slot.rooms[0] if slot.rooms else None for slot in template.slots]
    photos = [str(await owner.image(room, n)) for n, room in enumerate(rooms)]
    path = f"/v1/videos/{made['id']}/template"
    given = photos if template.id == "before-after" else photos[::-1]
    filled = await owner.post(path, {"template_id": template.id, "image_ids": given})
    assert [clip["image_id"] for clip in filled["items"]] == photos
    assert (await owner.now(made))["clip_count"] == len(template.slots)
    again = await owner.http.post(path, json={"template_id": template.id, "image_ids": given})
    assert again.json()["code"] == "video_not_empty"


async def test_a_template_takes_one_photo_for_each_clip(video: Bench) -> None:
    owner = video.owner()
    made = await owner.video()
    photos = [str(await owner.image(seed=n)) for n in range(3)]
    body = {"template_id": "before-after", "image_ids": photos}
    answer = await owner.http.post(f"/v1/videos/{made['id']}/template", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "photos_do_not_fit")
