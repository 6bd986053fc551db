"""The routing table against what the services behind it really ask for."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from chassis.caller import get_caller
from services.gateway.routing import find_route
from services.identity.accounts import api as accounts
from services.identity.administration import api as administration
from services.identity.members import api as members
from services.identity.sessions import api as sessions
from services.identity.workspaces import api as workspaces

DOORS = (accounts, administration, members, sessions, workspaces)


def operations_of(app: FastAPI) -> Iterator[tuple[str, bool]]:
    """Every path with whether its door asks for a caller."""
    known = set(app.openapi()["paths"])
    routers = {id(value): value for door in DOORS for value in vars(door).values()}
    for router in routers.values():
        for route in getattr(router, "routes", ()):
            if isinstance(route, APIRoute) and route.path in known:
                yield route.path, get_caller in set(_calls(route.dependant))


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


def test_every_documented_operation_of_identity_is_open_exactly_where_it_asks_nobody(
    identity_app: FastAPI,
) -> None:
    operations = dict(operations_of(identity_app))
    assert set(operations) == set(identity_app.openapi()["paths"])
    for path, asks in operations.items():
        route = find_route(path)
        assert route is not None, path
        assert (route.service, route.access) == ("identity", "member" if asks else "public"), path


def test_the_door_for_the_gateway_itself_has_no_route(identity_app: FastAPI) -> None:
    internal = [r.path for r in sessions.internal.routes if isinstance(r, APIRoute)]
    assert internal == ["/internal/principals"]
    assert find_route(internal[0]) is None
