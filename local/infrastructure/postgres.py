"""A private PostgreSQL on this machine, started from installed programs in a folder of ours."""

import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

import asyncpg

from local.infrastructure import blocking, place, ports, processes
from local.infrastructure.found import Found
from local.infrastructure.missing import InfrastructureMissing

USER = "postgres"
SUPERUSER = "postgres"
WANTED_PORT = 15432
START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 20
LOGIN_TIMEOUT_SECONDS = 5
# Without fsync nothing is lost when PostgreSQL is killed: what it committed is in the kernel's
# cache. Only a crash of the machine itself loses data, and this is demonstration data. For the
# same reason synchronous_commit stays on: without it a commit may be in PostgreSQL's memory only.
SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


def installed() -> bool:
    return _newest_programs() is not None


def running() -> Found | None:
    """The private instance an earlier command left running, if it still lets us in."""
    port = place.read_record(_record()).get("port")
    if port is None or not ports.is_listening(port):
        return None
    return _found(port) if lets_us_in(_url(port)) else None


def start() -> Found:
    """Starts the private instance, on a port of its choice, making it first when it is new."""
    home = _home()
    processes.give_to(home, USER)
    programs = _programs_for(home / "data")
    _end_remains(home)
    if not (home / "data").exists():
        _create(home, programs)
    with ports.Claims() as claims:
        port = claims.port(place.read_record(_record()).get("port", WANTED_PORT))
        place.write_record(_record(), {"port": port})
        _start(home, programs, port)
    blocking.wait_for(partial(_close_to_strangers, _url(port)), LOGIN_TIMEOUT_SECONDS)
    return _found(port)


def stop() -> bool:
    """Stops the private instance and keeps its data. False when none was running."""
    home = _home()
    if not (home / "data" / "postmaster.pid").exists():
        return False
    stopping = [str(_programs_for(home / "data") / "pg_ctl"), "-D", str(home / "data"), "stop"]
    run = partial(processes.run, user=USER, home=home, timeout_seconds=2 * STOP_TIMEOUT_SECONDS)
    try:
        run([*stopping, "-m", "fast", "-t", str(STOP_TIMEOUT_SECONDS)])
    except subprocess.CalledProcessError:
        _end_remains(home)
    return True


def lets_us_in(url: str) -> bool:
    """True when this superuser-ish URL may create roles and databases."""
    try:
        return blocking.wait_for(partial(_has_rights, url), LOGIN_TIMEOUT_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def _has_rights(url: str) -> bool:
    connection = await asyncpg.connect(url, timeout=LOGIN_TIMEOUT_SECONDS)
    try:
        return bool(
            await connection.fetchval(
                "SELECT rolsuper OR (rolcreaterole AND rolcreatedb)"
                " FROM pg_roles WHERE rolname = current_user"
            )
        )
    finally:
        await connection.close(timeout=LOGIN_TIMEOUT_SECONDS)


async def _close_to_strangers(url: str) -> None:
    connection = await asyncpg.connect(url, timeout=LOGIN_TIMEOUT_SECONDS)
    try:
        await connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
    finally:
        await connection.close(timeout=LOGIN_TIMEOUT_SECONDS)


def _create(home: Path, programs: Path) -> None:
    unfinished = home / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    password = home / "password"
    password.touch(mode=0o600)
    password.write_text(place.password_for(SUPERUSER))
    owner = processes.runs_as(USER)
    if owner:
        shutil.chown(password, owner["user"], owner["group"])
    command = [programs / "initdb", "-D", unfinished, "-U", SUPERUSER, "-A", "scram-sha-256"]
    how = ["--pwfile", password, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    try:
        processes.run(
            [str(part) for part in (*command, *how)], user=USER, home=home, timeout_seconds=60
        )
    except subprocess.CalledProcessError as failed:
        raise InfrastructureMissing(
            f"PostgreSQL could not make its data folder: {last_line(failed.output)}"
        ) from failed
    finally:
        password.unlink()
    unfinished.rename(home / "data")


def _start(home: Path, programs: Path, port: int) -> None:
    settings = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
    command = [str(programs / "pg_ctl"), "start", "-w", "-t", str(START_TIMEOUT_SECONDS)]
    where = ["-D", str(home / "data"), "-l", str(home / "log"), "-o", f"-c port={port} {settings}"]
    try:
        processes.run([*command, *where], user=USER, home=home, timeout_seconds=60)
    except subprocess.CalledProcessError as failed:
        reason = last_line((home / "log").read_text(errors="replace"))
        raise InfrastructureMissing(
            f"PostgreSQL did not start ({reason}); see {place.shown(home)}/log."
        ) from failed


def _end_remains(home: Path) -> None:
    # Children of a killed postmaster need a moment to notice. They write titles over their
    # environment, so the mark is gone and their working folder is what tells them.
    data = home / "data"
    processes.end_all(home, grace_seconds=STOP_TIMEOUT_SECONDS)
    if not processes.wait_until(lambda: not _remains(data), STOP_TIMEOUT_SECONDS):
        processes.send(_remains(data), signal.SIGKILL)
        processes.wait_until(lambda: not _remains(data), STOP_TIMEOUT_SECONDS)
    # A killed postmaster that nobody has buried yet still counts as alive for PostgreSQL.
    (data / "postmaster.pid").unlink(missing_ok=True)


def _remains(data: Path) -> list[int]:
    return processes.named(processes.working_in(data), "postgres")


def _newest_programs() -> Path | None:
    by_version = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if by_version:
        return by_version[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _programs_for(data: Path) -> Path:
    newest = _newest_programs()
    if newest is None:
        raise InfrastructureMissing("PostgreSQL's programs (initdb, pg_ctl) are not installed.")
    if not data.exists():
        return newest
    version = (data / "PG_VERSION").read_text().strip()
    same = Path(f"/usr/lib/postgresql/{version}/bin")
    return same if same.exists() else newest


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _home() -> Path:
    return place.instances_directory() / "postgres"


def _record() -> Path:
    return place.instances_directory() / "postgres.json"


def _url(port: int) -> str:
    password = place.password_for(SUPERUSER)
    return f"postgresql://{SUPERUSER}:{password}@{ports.HOST}:{port}/postgres"


def _found(port: int) -> Found:
    return Found(_url(port), f"private instance in {place.shown(_home())}, port {port}")
