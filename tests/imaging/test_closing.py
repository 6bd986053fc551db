"""Deleted projects give the money back when nothing began; a closed workspace keeps no photo."""

from contracts.identity import WorkspaceDeleted
from contracts.imaging import ProjectDeleted, ProjectFailed, ProjectStarted
from tests.imaging import pictures
from tests.imaging.bench import Bench

STYLE = {
    "name": "Coastal",
    "description": "Sea air",
    "category": "staging",
    "prompt": "Blue and white.",
}


async def test_a_project_paid_after_it_was_deleted_gives_the_money_back(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    await member.http.delete(f"/v1/projects/{project['id']}")
    for _ in range(2):
        await member.pay(project["id"])
    [fact] = await imaging.facts(member.workspace_id, ProjectFailed)
    assert (fact["project_id"], fact["completed_count"]) == (project["id"], 0)
    assert await imaging.facts(member.workspace_id, ProjectStarted) == []


async def test_a_paid_project_deleted_before_it_began_gives_the_money_back(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.project()
    await member.pay(project["id"])
    await member.http.delete(f"/v1/projects/{project['id']}")
    [fact] = await imaging.facts(member.workspace_id, ProjectFailed)
    assert fact["project_id"] == project["id"]


async def test_a_project_deleted_while_it_is_made_gives_nothing_back(imaging: Bench) -> None:
    member = imaging.member()
    project = await member.paid_project()
    await member.http.delete(f"/v1/projects/{project['id']}")
    await member.pay(project["id"])
    assert await imaging.facts(member.workspace_id, ProjectFailed) == []


async def test_a_closed_workspace_keeps_no_project_style_or_file(imaging: Bench) -> None:
    member, neighbour = imaging.member(), imaging.member()
    for one in (member, neighbour):
        project = await one.project()
        await one.upload(project["id"], pictures.jpeg())
    assert (await member.http.post("/v1/style-templates", json=STYLE)).status_code == 201
    closed = WorkspaceDeleted(workspace_id=member.workspace_id)
    for _ in range(2):
        await imaging.react(closed)
        await imaging.work(member.workspace_id)

    assert (await member.get("/v1/projects"))["items"] == []
    assert await imaging.keys(f"workspaces/{member.workspace_id}/") == []
    assert len(await imaging.facts(member.workspace_id, ProjectDeleted)) == 1
    styles = (await member.get("/v1/style-templates"))["items"]
    assert "Coastal" not in {style["name"] for style in styles}
    assert len((await neighbour.get("/v1/projects"))["items"]) == 1
