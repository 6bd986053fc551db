"""What an owner still changes while a film is joined, and sizes asked for when it is finished."""

from typing import Any

from contracts.video import ClipsCompiled
from services.video.notes import CompilationDue
from services.video.tables import Attempt, Compilation, Segment
from tests.video.bench import Bench, Owner, until
from tests.video.keys import keys
from tests.video.test_brands import branded


async def joining(video: Bench, owner: Owner, **fields: Any) -> tuple[dict[str, Any], Any]:
    """A video whose segments are all there, and the note to join them."""
    made = await owner.draft(2, **fields)
    await owner.pay(made)
    due: list[Any] = []

    async def ordered() -> bool:
        for note in await video.notes(owner.workspace_id):
            if isinstance(note, CompilationDue):
                due.append(note)
            else:
                await video.react(note)
        return bool(due)

    await until(ordered)
    return made, due[0]


async def shown(owner: Owner, made: dict[str, Any]) -> set[tuple[str, bool]]:
    film = await owner.get(f"/v1/videos/{made['id']}/download")
    assert film["is_current"] is True
    return {(file["aspect_ratio"], file["is_branded"]) for file in film["files"]}


async def test_a_card_asked_for_while_the_film_is_joined_is_in_it(video: Bench) -> None:
    owner = await branded(video)
    made, due = await joining(video, owner)
    path = f"/v1/videos/{made['id']}"
    answer = await owner.http.patch(path, json={"brandings": ["unbranded", "branded"]})
    assert answer.status_code == 200, answer.text
    await video.react(due)
    assert (await owner.now(made))["status"] == "compiling", "the card is not rendered yet"
    assert (await owner.finish(made))["status"] == "completed"
    assert await shown(owner, made) == {("16:9", False), ("16:9", True)}
    assert len(await video.facts(owner.workspace_id, ClipsCompiled)) == 1


async def test_another_size_of_a_finished_film_charges_nothing(video: Bench) -> None:
    owner = video.owner()
    made = await owner.draft(2)
    await owner.pay(made)
    before = await owner.finish(made)
    path = f"/v1/videos/{made['id']}"
    answer = await owner.http.patch(path, json={"aspect_ratios": ["9:16", "16:9"]})
    assert answer.json()["status"] == "compiling"
    after = await owner.finish(made)
    assert after["actual_cost"] == before["actual_cost"]
    assert await shown(owner, made) == {("9:16", False), ("16:9", False)}
    assert len(await video.rows(owner.workspace_id, Attempt)) == 2
    assert len(await video.rows(owner.workspace_id, Segment)) == 4


async def spoil_sound(video: Bench, owner: Owner, made: dict[str, Any]) -> None:
    """What was prepared for the film as it is now cannot be joined."""
    prefix = f"workspaces/{owner.workspace_id}/videos/{made['id']}/sound/"
    prepared = await keys(video, prefix)
    assert prepared
    for key in prepared:
        await video.storage.write(key, b"no sound", content_type="audio/mp4")


async def test_a_film_nobody_wants_any_more_does_not_fail_the_one_that_is(video: Bench) -> None:
    owner = video.owner()
    made, due = await joining(video, owner, music_track_id="open-door")
    await spoil_sound(video, owner, made)
    path = f"/v1/videos/{made['id']}"
    answer = await owner.http.patch(path, json={"music_track_id": "first-light"})
    assert answer.status_code == 200, answer.text
    for _ in range(3):
        await video.react(due)
    first, _ = await video.rows(owner.workspace_id, Compilation)
    assert (first.status, first.tries) == ("failed", 3)
    assert (await owner.finish(made))["status"] == "completed"
