"""What is looked for or refused before any server starts, and an environment from nothing."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from local.infrastructure import InfrastructureMissing, ensure_servers, find_ffmpeg, place, ports

REPOSITORY = Path(__file__).resolve().parents[2]


def silent(_line: str) -> None:
    """Takes progress that no test reads."""


@pytest.fixture
def empty_run_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("AISTUDIO_RUN_DIR", str(tmp_path))
    yield
    shutil.rmtree(place.instances_directory())


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((ports.HOST, ports.free_port(20_000)))
        taken.listen()
        port = taken.getsockname()[1]
        assert ports.free_port(port) > port


def test_a_claimed_port_is_nobody_elses_until_it_is_released() -> None:
    one, other = ports.Claims(), ports.Claims()
    with other:
        with one:
            port = one.port(21_000)
            assert one.holds(port)
            assert other.port(port) > port
            assert ports.free_port(port) > port
        assert other.port(port) == port


def test_a_server_keeps_its_port_by_listening_when_the_claim_has_ended() -> None:
    with ports.Claims() as claims, socket.socket() as server:
        server.bind((ports.HOST, claims.port(22_000)))
        server.listen()
        port = server.getsockname()[1]
        claims.release()
        assert claims.port(port) > port


def test_processes_that_choose_at_once_choose_differently() -> None:
    choose = (
        "import sys; from local.infrastructure.ports import Claims\n"
        "with Claims() as claims: print(claims.port(23_000), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", choose]
    pipe = subprocess.PIPE
    together = [
        subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True)
        for _ in range(2)
    ]
    chosen = [one.stdout.readline() for one in together if one.stdout is not None]
    for one in together:
        one.communicate(timeout=10)
    assert len(set(chosen)) == 2


def test_an_unknown_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFRASTRUCTURE", "magic")
    with pytest.raises(InfrastructureMissing, match="auto, running, containers, packages"):
        ensure_servers(silent)


def test_a_run_directory_nobody_else_can_enter_is_a_link_to_one_they_can(
    empty_run_directory: None, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    private_files = place.instances_directory()
    reachable = all(step.stat().st_mode & 0o001 for step in (private_files, *private_files.parents))
    assert reachable == (os.geteuid() == 0)
    assert (tmp_path / "infrastructure").resolve() == private_files


def test_two_threads_make_one_folder_and_one_secret(empty_run_directory: None) -> None:
    together = Barrier(8)

    def password(_: int) -> str:
        together.wait(timeout=10)
        return place.password_for("someone")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(password, range(8)))) == 1


def test_a_named_server_that_does_not_answer_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AISTUDIO_POSTGRES_URL", "postgresql://me:hush@127.0.0.1:9/postgres")
    with pytest.raises(InfrastructureMissing, match="AISTUDIO_POSTGRES_URL names") as refused:
        ensure_servers(silent)
    assert "hush" not in str(refused.value)


def test_a_missing_container_engine_is_one_sentence_saying_what_to_do(
    monkeypatch: pytest.MonkeyPatch, empty_run_directory: None
) -> None:
    monkeypatch.setenv("INFRASTRUCTURE", "containers")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.delenv("AISTUDIO_POSTGRES_URL", raising=False)
    monkeypatch.delenv("AISTUDIO_RABBITMQ_URL", raising=False)
    with pytest.raises(InfrastructureMissing, match="no container engine answers") as refused:
        ensure_servers(silent)
    sentence = str(refused.value)
    assert "PostgreSQL on port 5432" in sentence
    assert "AISTUDIO_RABBITMQ_URL" in sentence
    assert sentence.count(". ") == 0


def test_ffmpeg_runs_and_the_static_one_has_no_ffprobe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISTUDIO_FFMPEG", "static")
    found = find_ffmpeg()
    said = subprocess.run([found.ffmpeg, "-version"], capture_output=True, check=True, timeout=10)
    assert said.stdout.startswith(b"ffmpeg version")
    assert found.ffprobe is None


def test_bootstrap_installs_once_until_the_lock_file_changes(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "local", tmp_path / "local", ignore=shutil.ignore_patterns("v*"))
    (tmp_path / "requirements").mkdir()
    lock_file = tmp_path / "requirements" / "product.txt"
    lock_file.write_text("# nothing\n")
    assert "installed 0 packages" in bootstrap(tmp_path)
    assert bootstrap(tmp_path) == ""
    lock_file.write_text("# still nothing\n")
    assert "installed 0 packages" in bootstrap(tmp_path)


def bootstrap(repository: Path) -> str:
    return subprocess.run(
        [sys.executable, "local/bootstrap.py", "product"],
        cwd=repository,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
