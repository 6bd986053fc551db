"""Virtual hosts: a part of a broker of one's own, for one test run or one product."""

import base64
import http.client
import json
import shutil
import subprocess
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from local.infrastructure import place, ports, rabbitmq
from local.infrastructure.running import RABBITMQ_PORT
from local.infrastructure.servers import Servers

HTTP_TIMEOUT_SECONDS = 10
CTL_TIMEOUT_SECONDS = 30
EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


def ensure_vhost(servers: Servers, name: str) -> str:
    """The AMQP URL of a virtual host that exists and where our user may do everything.

    Made through the management API, else with `rabbitmqctl`, else in a private broker from the
    programs installed here. Where none of these is possible the answer is `servers.rabbitmq_url`,
    the broker's default virtual host, which other programs share.
    """
    if _make_over_http(servers.rabbitmq_management_url, servers.rabbitmq_url, name):
        return vhost_url(servers.rabbitmq_url, name)
    if _make_with_ctl(servers.rabbitmq_url, name):
        return vhost_url(servers.rabbitmq_url, name)
    if not rabbitmq.installed():
        return servers.rabbitmq_url
    with place.one_at_a_time(print):
        private = rabbitmq.running() or rabbitmq.start()
    _make_over_http(private.management_url, private.url, name)
    return vhost_url(private.url, name)


def drop_vhost(servers: Servers, name: str) -> None:
    """Removes a virtual host with everything in it; one that does not exist is fine."""
    private = rabbitmq.running()
    if private is not None:
        _call(private.management_url, private.url, "DELETE", _vhost(name))
    if _call(servers.rabbitmq_management_url, servers.rabbitmq_url, "DELETE", _vhost(name)):
        return
    if _is_beside_us(servers.rabbitmq_url) and rabbitmq.lets_us_in(
        vhost_url(servers.rabbitmq_url, name)
    ):
        _ctl("delete_vhost", name)


def vhost_url(rabbitmq_url: str, name: str) -> str:
    return urlunsplit(urlsplit(rabbitmq_url)._replace(path=f"/{quote(name, safe='')}"))


def _make_over_http(management_url: str | None, url: str, name: str) -> bool:
    user = quote(_account(url)[0], safe="")
    permissions = f"permissions/{quote(name, safe='')}/{user}"
    return _call(management_url, url, "PUT", _vhost(name)) and _call(
        management_url, url, "PUT", permissions, EVERYTHING
    )


def _make_with_ctl(url: str, name: str) -> bool:
    if not _is_beside_us(url):
        return False
    made = vhost_url(url, name)
    if rabbitmq.lets_us_in(made):
        return True
    _ctl("add_vhost", name)
    if not _ctl("set_permissions", "-p", name, _account(url)[0], *EVERYTHING.values()):
        return False
    if rabbitmq.lets_us_in(made):
        return True
    # rabbitmqctl speaks to this machine's own broker, and the URL leads to another one.
    _ctl("delete_vhost", name)
    return False


def _is_beside_us(url: str) -> bool:
    parts = urlsplit(url)
    return parts.hostname in (ports.HOST, "localhost") and parts.port in (None, RABBITMQ_PORT)


def _ctl(*arguments: str) -> bool:
    program = shutil.which("rabbitmqctl")
    if program is None:
        return False
    try:
        done = subprocess.run(
            [program, "-q", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CTL_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _call(
    management_url: str | None, url: str, method: str, path: str, body: dict[str, Any] | None = None
) -> bool:
    """One call of the management API; False when it is absent or refuses."""
    if management_url is None:
        return False
    address = urlsplit(management_url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or ports.HOST, address.port, timeout=HTTP_TIMEOUT_SECONDS)
    login = base64.b64encode(":".join(_account(url)).encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    try:
        where = f"{address.path.rstrip('/')}/api/{path}"
        connection.request(method, where, json.dumps(body or {}), headers)
        return connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _vhost(name: str) -> str:
    return f"vhosts/{quote(name, safe='')}"


def _account(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return unquote(parts.username or "guest"), unquote(parts.password or "guest")
