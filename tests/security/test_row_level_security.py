"""The second lock: with the workspace taken out of every query, the database still hides rows."""

import operator
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import BindParameter, Select, event, select, text, true
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.sql.elements import BinaryExpression, ColumnElement
from sqlalchemy.sql.visitors import replacement_traverse

from chassis.caller import sign
from chassis.database import Database, SystemScope
from contracts.caller import Caller
from tests.security.cast import Cast
from tests.security.matrix import read_policy
from tests.security.operations import body_of, path_of
from tests.security.studio import Studio
from tests.support.services import connected

SERVICES = ("identity", "imaging", "video", "billing", "affiliate", "notifications")
OWNED = re.compile(r"^/v1/(projects|images|uploads|videos|clips|payments|invoices)/")
SERVICE_OF = {
    "projects": "imaging",
    "images": "imaging",
    "uploads": "imaging",
    "videos": "video",
    "clips": "video",
    "payments": "billing",
    "invoices": "billing",
}


def tenant_tables(service: str) -> list[Any]:
    base = import_module(f"services.{service}.tables").Base
    return [t for t in base.metadata.sorted_tables if "workspace_id" in t.c]


@asynccontextmanager
async def runtime_database(studio: Studio, service: str) -> AsyncIterator[Database]:
    """Connected as the service itself is."""
    async with connected(studio.up.product.databases[service].url, pool_size=1) as database:
        yield database


@pytest.mark.parametrize("service", SERVICES)
async def test_another_workspace_sees_no_row_of_any_table(
    studio: Studio, cast: Cast, service: str
) -> None:
    ours = UUID(cast.ours.ids["workspace"])
    async with runtime_database(studio, service) as database:
        for scope in (SystemScope(uuid4()), SystemScope(UUID(cast.foreign.ids["workspace"]))):
            async with database.transaction(scope) as session:
                for table in tenant_tables(service):
                    rows = select(table.c.workspace_id).where(table.c.workspace_id == ours)
                    assert (await session.execute(rows)).all() == [], table.name


@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_workspace_no_row_is_seen(studio: Studio, cast: Cast, service: str) -> None:
    async with runtime_database(studio, service) as database, database.engine.connect() as plain:
        for table in tenant_tables(service):
            assert (await plain.execute(select(table.c.workspace_id))).all() == [], table.name
            await plain.rollback()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_tenant_table_forces_row_level_security(studio: Studio, service: str) -> None:
    found = await studio.sql(
        service,
        "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity",
    )
    protected = {row["relname"] for row in found}
    assert {table.name for table in tenant_tables(service)} - protected == set()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_cannot_lift_its_own_fence(studio: Studio, service: str) -> None:
    """Neither a superuser nor exempt from the policies, and no owner of a table."""
    async with runtime_database(studio, service) as database, database.engine.connect() as plain:
        query = "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert tuple((await plain.execute(text(query))).one()) == (False, False)
        query = "SELECT count(*) FROM pg_tables WHERE tableowner = current_user"
        assert (await plain.execute(text(query))).scalar_one() == 0


def _is_filter(element: BinaryExpression[Any]) -> bool:
    about_workspace = getattr(element.left, "key", "") == "workspace_id"
    given = isinstance(element.right, BindParameter)
    return about_workspace and given and element.operator is operator.eq


class Mutant:
    """Takes `….workspace_id = …` out of every query, as if each repository had forgotten it."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self, state: ORMExecuteState) -> None:
        if isinstance(state.statement, Select):
            mutated: Any = replacement_traverse(state.statement, {}, self._replace)
            state.statement = mutated

    def _replace(self, element: Any, **_: Any) -> ColumnElement[bool] | None:
        if isinstance(element, BinaryExpression) and _is_filter(element):
            self.taken += 1
            return true()
        return None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        event.listen(Session, "do_orm_execute", self)
        try:
            yield
        finally:
            event.remove(Session, "do_orm_execute", self)


@asynccontextmanager
async def in_process(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """The services that own things, inside this process, on the product's databases."""
    async with AsyncExitStack() as stack:
        clients = {}
        for service in sorted(set(SERVICE_OF.values())):
            for name, value in studio.environment(service).items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv(f"{service.upper()}_WORKER_IN_APP", "false")
            settings = import_module(f"services.{service}.settings").Settings()
            app: FastAPI = import_module(f"services.{service}.app").create_app(settings)
            await stack.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            client = httpx.AsyncClient(transport=transport, base_url="http://service")
            clients[service] = await stack.enter_async_context(client)
        yield clients


async def swap(
    studio: Studio, clients: Any, caller: Caller, ids: dict[str, str], only: str = ""
) -> dict[str, int]:
    """Every operation that names a thing, called in-process about these things."""
    key = studio.environment("gateway")["GATEWAY_CALLER_SIGNING_KEY"]
    seen = {}
    for operation in read_policy():
        method, path = operation.split(" ")
        if OWNED.match(path) and "{" in path and method.startswith(only):
            service = SERVICE_OF[path.split("/")[2]]
            headers = {"authorization": f"Bearer {sign(caller, key, service=service)}"}
            target, body = path_of(operation, ids), body_of(operation, ids)
            answer = await clients[service].request(method, target, headers=headers, json=body)
            seen[operation] = answer.status_code
    return seen


async def test_forgetting_the_workspace_in_every_query_opens_nothing(
    studio: Studio, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Caller(
        member_id=UUID(cast.people["stranger"].member_id),
        workspace_id=UUID(cast.foreign.ids["workspace"]),
        role="owner",
        plan="enterprise",
    )
    async with in_process(studio, monkeypatch) as clients:
        mutant = Mutant()
        with mutant.at_work():
            seen = await swap(studio, clients, stranger, cast.ours.ids)
            own = await swap(studio, clients, stranger, cast.foreign.ids)
    assert mutant.taken >= len(seen), "the mutation did nothing, so this test saw nothing"
    assert {operation: status for operation, status in seen.items() if status != 404} == {}
    assert any(status == 200 for status in own.values()), "nothing answers at all"


async def test_the_mutant_would_be_seen_without_the_policies(
    studio: Studio, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: where every workspace is visible that mutant leaks, and the queries hold."""
    caller = Caller(
        member_id=uuid4(), workspace_id=UUID(cast.foreign.ids["workspace"]), role="owner"
    )

    @asynccontextmanager
    async def unfenced(self: Database, _: Any) -> AsyncIterator[Any]:
        async with self.across_workspaces() as session:
            yield session

    monkeypatch.setattr(Database, "transaction", unfenced)
    async with in_process(studio, monkeypatch) as clients:
        with Mutant().at_work():
            leaked = await swap(studio, clients, caller, cast.ours.ids, only="GET")
        fenced = await swap(studio, clients, caller, cast.ours.ids, only="GET")
    assert [status for status in leaked.values() if status == 200]
    assert set(fenced.values()) == {404}
