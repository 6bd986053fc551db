"""A private RabbitMQ on this machine, started from installed programs in a folder of ours."""

import glob
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

import aio_pika
import aiormq

from local.infrastructure import blocking, place, ports, processes
from local.infrastructure.found import Found
from local.infrastructure.missing import InfrastructureMissing

USER = "rabbitmq"
ACCOUNT = "aistudio"
NODE = "aistudio@localhost"
# Not Debian's /usr/sbin/rabbitmq-server: that wrapper changes user and ignores our folders.
PROGRAMS = "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"
PLUGINS = "[rabbitmq_management,rabbitmq_stream]."
WANTED_PORTS = {"amqp": 15682, "management": 15683, "dist": 15684, "epmd": 15685, "stream": 15686}
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 20
LOGIN_TIMEOUT_SECONDS = 5


def installed() -> bool:
    return _program() is not None


def running() -> Found | None:
    """The private instance an earlier command left running, if it still lets us in."""
    chosen = place.read_record(_record())
    if not chosen or not ports.is_listening(chosen["amqp"]):
        return None
    return _found(chosen) if lets_us_in(_url(chosen)) else None


def start() -> Found:
    """Starts the private instance and waits until it lets us in."""
    with ports.Claims() as claims:
        return start_on(claims)


def start_on(claims: ports.Claims) -> Found:
    """The same for a caller who holds the ports: they stay the instance's while it is down."""
    program = _program()
    if program is None:
        raise InfrastructureMissing("RabbitMQ's programs (rabbitmq-server, erl) are not installed.")
    home = _home()
    processes.give_to(home, USER)
    processes.end_all(home, grace_seconds=STOP_TIMEOUT_SECONDS)
    chosen = _choose_ports(claims)
    place.write_record(_record(), chosen)
    server = _launch(program, home, chosen)
    if (
        not processes.wait_until(
            lambda: server.poll() is not None or _is_ready(chosen), START_TIMEOUT_SECONDS
        )
        or server.poll() is not None
    ):
        processes.end_all(home, grace_seconds=STOP_TIMEOUT_SECONDS)
        raise InfrastructureMissing(f"RabbitMQ did not start; see {place.shown(home)}/log.")
    return _found(chosen)


def stop() -> bool:
    """Stops the private instance and keeps its queues. False when none was running."""
    home = _home()
    ours = processes.of_instance(home)
    if not ours:
        return False
    # Only the virtual machine is asked: it closes its files, its shell and port programs follow.
    # Erlang's name server never ends by itself, so it is ended last.
    processes.send(processes.named(ours, "beam.smp"), signal.SIGTERM)
    processes.wait_until(
        lambda: not processes.named(processes.of_instance(home), "beam.smp"), STOP_TIMEOUT_SECONDS
    )
    processes.end_all(home, grace_seconds=STOP_TIMEOUT_SECONDS)
    return True


def lets_us_in(url: str) -> bool:
    """True when this URL's user may declare queues."""
    try:
        return blocking.wait_for(partial(_has_rights, url), LOGIN_TIMEOUT_SECONDS)
    except (OSError, TimeoutError, aio_pika.exceptions.AMQPError, aiormq.exceptions.AMQPError):
        return False


async def _has_rights(url: str) -> bool:
    connection = await aio_pika.connect(url, timeout=LOGIN_TIMEOUT_SECONDS)
    async with connection:
        channel = await connection.channel()
        await channel.declare_queue(exclusive=True, auto_delete=True)
    return True


def _is_ready(chosen: dict[str, int]) -> bool:
    listening = ports.is_listening(chosen["amqp"]) and ports.is_listening(chosen["management"])
    return listening and lets_us_in(_url(chosen))


def _choose_ports(claims: ports.Claims) -> dict[str, int]:
    before = place.read_record(_record()) or WANTED_PORTS
    return {
        name: port if claims.holds(port) else claims.port(port) for name, port in before.items()
    }


def _launch(program: Path, home: Path, chosen: dict[str, int]) -> subprocess.Popen[bytes]:
    _write_configuration(home, chosen)
    variables = {
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_MNESIA_BASE": f"{home}/data",
        "RABBITMQ_LOG_BASE": f"{home}/log",
        "RABBITMQ_PID_FILE": f"{home}/pid",
        "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
        "RABBITMQ_CONFIG_FILES": f"{home}/none/*.conf",
        "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/none",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_DIST_PORT": str(chosen["dist"]),
        "ERL_EPMD_PORT": str(chosen["epmd"]),
        "ERL_EPMD_ADDRESS": ports.HOST,
        # Idle schedulers sleep instead of spinning: two cores carry the whole product.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
    }
    with (home / "console.log").open("ab") as console:
        return subprocess.Popen(
            [program],
            env=processes.environment(home, variables),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **processes.runs_as(USER),
        )


def _write_configuration(home: Path, chosen: dict[str, int]) -> None:
    configuration = {
        "listeners.tcp.default": f"{ports.HOST}:{chosen['amqp']}",
        "management.tcp.ip": ports.HOST,
        "management.tcp.port": chosen["management"],
        "stream.listeners.tcp.1": f"{ports.HOST}:{chosen['stream']}",
        "default_user": ACCOUNT,
        "default_pass": place.password_for(ACCOUNT),
        "log.file.level": "info",
    }
    lines = "".join(f"{name} = {value}\n" for name, value in configuration.items())
    for name, text in {"rabbitmq.conf": lines, "enabled_plugins": PLUGINS + "\n"}.items():
        path = home / name
        path.touch(mode=0o600)
        path.write_text(text)
        owner = processes.runs_as(USER)
        if owner:
            shutil.chown(path, owner["user"], owner["group"])


def _program() -> Path | None:
    candidates = sorted(glob.glob(PROGRAMS))
    return Path(candidates[-1]) if candidates and shutil.which("erl") else None


def _home() -> Path:
    return place.instances_directory() / "rabbitmq"


def _record() -> Path:
    return place.instances_directory() / "rabbitmq.json"


def _url(chosen: dict[str, int]) -> str:
    return f"amqp://{ACCOUNT}:{place.password_for(ACCOUNT)}@{ports.HOST}:{chosen['amqp']}/"


def _found(chosen: dict[str, int]) -> Found:
    how = f"private instance in {place.shown(_home())}, port {chosen['amqp']}"
    return Found(_url(chosen), how, f"http://{ports.HOST}:{chosen['management']}")
