"""What the gateway decides without asking anybody."""

from uuid import uuid4

import pytest

from chassis.testing import make_key_pair
from contracts.caller import Caller
from contracts.identity import MemberRemoved, SessionsRevoked, WorkspaceSuspended
from services.gateway.credentials import find_credential
from services.gateway.errors import CrossSiteRequest, MalformedRequest, ServiceUnavailable
from services.gateway.headers import to_client, to_service
from services.gateway.incoming import read
from services.gateway.origins import Origins
from services.gateway.progress.rules import can_see, ends_stream, is_stale
from services.gateway.routing import ROUTES, find_route
from services.gateway.settings import Settings
from services.gateway.upstreams import Breaker
from tests.support.services import make_caller

APP = b"https://app.example.com"
SETTINGS = Settings(
    identity_url="http://i",
    imaging_url="http://p",
    video_url="http://v",
    billing_url="http://b",
    affiliate_url="http://a",
    notifications_url="http://n",
    rabbitmq_url="amqp://b",
    caller_signing_key=make_key_pair().private_key,
)


def test_every_route_answers_for_its_prefix_and_all_below_it() -> None:
    for route in ROUTES:
        assert find_route(route.prefix) is route
        below = find_route(f"{route.prefix}/some/thing/deep/down/below")
        assert below is not None
        assert below.service == route.service


@pytest.mark.parametrize(
    "path",
    [
        "/internal/principals",
        "/health/ready",
        "/openapi.json",
        "/v1",
        "/v1/",
        "/v1/projectsx",
        "/v1/admin",
        "/webhooks/fal",
        "/",
        "",
        "v1/projects",
    ],
)
def test_what_is_not_in_the_table_has_no_service(path: str) -> None:
    assert find_route(path) is None


def test_the_longest_prefix_wins() -> None:
    routes = {path: find_route(path) for path in ("/v1/auth/sign-in", "/v1/auth/sign-out")}
    assert [route and route.access for route in routes.values()] == ["public", "member"]


@pytest.mark.parametrize(
    "path",
    [
        b"/v1//projects",
        b"/v1/projects/../auth/sign-up",
        b"/v1/projects/.",
        b"/v1/projects/..",
        b"/v1/projects/%2e%2e/x",
        b"/v1/projects/%2E%2E%2Finternal",
        b"/v1/auth/sign-in%2f..%2f..%2finternal%2fprincipals",
        b"/v1/projects/a%5cb",
        b"/v1/projects/a\\b",
        b"/v1/projects/%00",
        b"/v1/projects/%zz",
        b"/v1/projects/%1",
        b"/v1/projects/\xc3\xa6",
    ],
)
def test_a_path_that_two_readers_may_understand_differently_is_refused(path: bytes) -> None:
    scope = {"path": "/v1", "raw_path": path, "query_string": b"", "headers": []}
    with pytest.raises(MalformedRequest):
        read(scope, SETTINGS)


@pytest.mark.parametrize("path", [b"/v1/projects/a.b~c-d_e", b"/v1/projects/%C3%A6%20%25"])
def test_an_ordinary_path_passes(path: bytes) -> None:
    scope = {"path": "/v1", "raw_path": path, "query_string": b"q=%2F..", "headers": []}
    assert read(scope, SETTINGS).target == path + b"?q=%2F.."


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        (b"session=abc", "abc"),
        (b"other=1; session=abc; last=2", "abc"),
        (b'broken="a;b\\; {"json":1}; session=abc', "abc"),
        (b"session=; session=abc", "abc"),
        (b"xsession=abc", None),
        (b"session", None),
        (b"session=a b", None),
        (b"session=" + b"a" * 201, None),
        (b"session=\xff", None),
        (b";;;=;", None),
    ],
)
def test_the_session_cookie_is_found_among_whatever_else_is_there(
    cookie: bytes, token: str | None
) -> None:
    found = find_credential([(b"cookie", cookie)], cookie_name=b"session")
    assert (found and found.session_token) == token


def test_two_authorizations_are_nobody() -> None:
    headers = [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]
    assert find_credential(headers, cookie_name=b"session") is None
    assert find_credential([(b"authorization", b"Basic a")], cookie_name=b"session") is None
    one = find_credential([(b"authorization", b"bearer  a")], cookie_name=b"session")
    assert one is not None
    assert one.api_key == "a"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({b"sec-fetch-site": b"same-origin", b"origin": b"https://gw"}, True),
        ({b"sec-fetch-site": b"none"}, True),
        ({b"sec-fetch-site": b"cross-site"}, False),
        ({b"sec-fetch-site": b"same-site", b"origin": b"https://other.gw"}, False),
        ({b"sec-fetch-site": b"cross-site", b"origin": APP}, True),
        ({b"origin": b"https://gw", b"host": b"gw"}, True),
        ({b"origin": b"https://evil.example", b"host": b"gw"}, False),
        ({b"origin": b"null", b"host": b"gw"}, False),
        ({b"origin": b"https://gw.evil.example", b"host": b"gw"}, False),
        ({b"origin": APP + b".evil.example", b"host": b"gw"}, False),
    ],
)
def test_only_our_own_pages_may_act_with_a_cookie(
    headers: dict[bytes, bytes], allowed: bool
) -> None:
    origins = Origins((APP.decode(),))
    origins.defend("GET", headers)
    if allowed:
        origins.defend("POST", headers)
    else:
        with pytest.raises(CrossSiteRequest):
            origins.defend("POST", headers)


@pytest.mark.parametrize("origin", ["*", "https://app.example.com/", "app.example.com", "null"])
def test_an_inexact_origin_stops_the_start(origin: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        Settings(**{**SETTINGS.model_dump(), "allowed_origins": (origin,)})


@pytest.mark.parametrize("key", ["", "changeme", make_key_pair().public_key])
def test_a_key_that_cannot_sign_stops_the_start_and_is_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="not an Ed25519 private key") as caught:
        Settings(**{**SETTINGS.model_dump(), "caller_signing_key": key})
    assert not key or key not in str(caught.value)


def test_headers_named_by_connection_stop_here() -> None:
    headers = [(b"connection", b"X-Secret, close"), (b"x-secret", b"1"), (b"x-kept", b"2")]
    assert to_service(headers) == [(b"x-kept", b"2")]
    assert to_client(headers, "http://s") == [(b"x-kept", b"2")]


def test_a_redirect_to_the_services_own_address_stays_outside() -> None:
    answer = to_client([(b"Location", b"http://10.0.0.7:8001/v1/projects")], "http://10.0.0.7:8001")
    assert answer == [(b"location", b"/v1/projects")]
    abroad = to_client([(b"Location", b"https://pay.example.com/1")], "http://10.0.0.7:8001")
    assert abroad == [(b"location", b"https://pay.example.com/1")]


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_request_try() -> None:
    breaker = Breaker(failures_to_open=3, open_seconds=60)
    for _ in range(2):
        breaker.failed()
    breaker.answered()
    for _ in range(3):
        breaker.check()
        breaker.failed()
    with pytest.raises(ServiceUnavailable):
        breaker.check()
    breaker.open_until = 0
    breaker.check()
    with pytest.raises(ServiceUnavailable):
        breaker.check()
    breaker.answered()
    breaker.check()


@pytest.mark.parametrize(
    ("caller", "key", "seen"),
    [
        ({"role": "member"}, "imaging.image_completed.v1", True),
        ({"role": "member"}, "billing.project_paid.v1", False),
        ({"role": "member"}, "affiliate.commission_earned.v1", False),
        ({"role": "owner"}, "billing.project_paid.v1", True),
        ({"scopes": frozenset({"videos:read"})}, "video.clips_compiled.v1", True),
        ({"scopes": frozenset({"videos:write"})}, "video.clips_compiled.v1", False),
        ({"scopes": frozenset({"videos:read"})}, "billing.invoice_paid.v1", False),
    ],
)
def test_a_stream_shows_what_the_role_and_scopes_may_read(
    caller: dict[str, object], key: str, seen: bool
) -> None:
    assert can_see(make_caller(**caller), key) is seen


def test_revoking_one_session_ends_its_stream_only() -> None:
    caller = make_caller(session_id=uuid4())
    other = caller.model_copy(update={"session_id": uuid4()})
    one = SessionsRevoked(
        workspace_id=caller.workspace_id,
        member_id=caller.member_id,
        session_ids=(caller.session_id or uuid4(),),
    )
    assert ends_stream(caller, one)
    assert not ends_stream(other, one)
    assert is_stale(other, one)
    everything = one.model_copy(update={"session_ids": ()})
    assert ends_stream(other, everything)


def test_facts_about_others_leave_a_caller_alone() -> None:
    caller = make_caller()
    stranger: Caller = make_caller()
    removed = MemberRemoved(workspace_id=caller.workspace_id, member_id=caller.member_id)
    suspended = WorkspaceSuspended(workspace_id=caller.workspace_id, reason="unpaid")
    assert is_stale(caller, removed)
    assert is_stale(caller, suspended)
    assert not is_stale(stranger, removed)
    assert not is_stale(stranger, suspended)


def test_an_impersonation_ends_with_the_administrators_sessions() -> None:
    administrator = make_caller()
    impersonating = make_caller(impersonator_id=administrator.member_id)
    revoked = SessionsRevoked(
        workspace_id=administrator.workspace_id, member_id=administrator.member_id
    )
    assert ends_stream(impersonating, revoked)
