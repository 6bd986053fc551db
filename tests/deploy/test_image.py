"""The Dockerfile: one service per image, nobody's root, everything locked."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.deploy.repository import ROOT, SERVICES

OWN = {"chassis", "contracts", "services"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = {
    match["name"]: match["body"]
    for match in re.finditer(
        r"^FROM \S+ AS (?P<name>\S+)\n(?P<body>.*?)(?=^FROM |\Z)", DOCKERFILE, re.M | re.S
    )
}


def copied(stage: str, service: str = "") -> list[str]:
    """What a stage takes out of the repository."""
    sources = re.findall(r"^COPY ([^-\s]\S*) ", STAGES[stage], re.M)
    return [source.replace("${SERVICE}", service) for source in sources]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_images_of_services_hold_the_product_and_one_service_only() -> None:
    assert copied("service", "imaging") == [
        "contracts",
        "chassis",
        "services/__init__.py",
        "services/imaging",
    ]
    assert 'test -n "${SERVICE}"' in STAGES["service"]


@pytest.mark.parametrize("stage", ["service", "vendors"])
def test_nobody_is_root(stage: str) -> None:
    assert re.findall(r"^USER (.*)$", STAGES[stage], re.M) == ["10001:10001"]
    assert re.search(r'^ENTRYPOINT \["tini", "--"', STAGES[stage], re.M)


def test_packages_are_installed_by_hash() -> None:
    for stage, lock in (("service-packages", "services"), ("vendor-packages", "product")):
        assert copied(stage) == [f"requirements/{lock}.txt"]
        assert "--require-hashes --no-deps" in STAGES[stage]
        text = (ROOT / "requirements" / f"{lock}.txt").read_text()
        assert "://" not in text
        assert text.count("--hash=sha256:") >= len(re.findall(r"^\w.*==", text, re.M)) > 50


@pytest.mark.parametrize("lock", ["services", "product", "all"])
def test_the_lock_knows_every_dependency(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [*SERVICES, *{"product": ["local"], "all": ["local", "test"]}.get(lock, [])]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    locked = locked_in(lock)
    named = {re.split(r"[^\w.-]", each)[0].lower() for each in wanted}
    assert named - set(locked) == set(), "run `make lock`"


def test_services_import_nothing_that_their_image_lacks() -> None:
    locked = set(locked_in("services"))
    distributions = packages_distributions()
    for path in [*ROOT.glob("chassis/**/*.py"), *ROOT.glob("services/**/*.py")]:
        for module in imported_by(path) - OWN - sys.stdlib_module_names:
            named = {name.lower().replace("_", "-") for name in distributions.get(module, [module])}
            assert named & locked, f"{path.relative_to(ROOT)} imports {module}"


def imported_by(path: Path) -> set[str]:
    """The top-level packages a module names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def locked_in(lock: str) -> list[str]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return re.findall(r"^([\w.-]+)==", text, re.M)


def test_the_build_sees_nothing_but_what_is_copied() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignore[0] == "*"
    seen = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    needed = {source.rstrip("/") for stage in STAGES for source in copied(stage, "x")}
    assert all(any(source.startswith(prefix) for prefix in seen) for source in needed)
    assert all((ROOT / prefix).exists() for prefix in seen)


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Image → why it does not start; every process of every image was imported, in it alone."""
    folder = tmp_path_factory.mktemp("images")
    started: dict[str, list[str]] = {}
    for service in SERVICES:
        image = folder / service
        fill(image, copied("service", service))
        roles = [role for role in ("app", "worker", "renderer") if _has(image, service, role)]
        modules = [f"services.{service}.{role}" for role in roles]
        started[str(image)] = [*modules, "chassis.migrations"]
    fill(folder / "vendors", copied("vendors"))
    apps = [f"local.vendors.{name}.app" for name in ("fal", "stripe", "fiken", "resend", "s3")]
    started[str(folder / "vendors")] = ["local.vendors.__main__", *apps]
    fill(folder / "lacking", copied("service", "affiliate"))
    started[str(folder / "lacking")] = ["services.affiliate.app", "services.imaging.app"]
    return {Path(image).name: failure for image, failure in start(started).items()}


@pytest.mark.parametrize("image", [*SERVICES, "vendors"])
def test_it_starts_from_its_image_alone(image: str, failures: dict[str, str]) -> None:
    assert failures[image] == ""


def test_what_an_image_lacks_is_noticed(failures: dict[str, str]) -> None:
    assert "No module named 'services.imaging'" in failures["lacking"]


def fill(image: Path, sources: list[str]) -> None:
    for source in sources:
        (image / source).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, image / source, ignore=ignored)
        else:
            shutil.copy(ROOT / source, image / source)


def start(images: dict[str, list[str]]) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("starting.py"), json.dumps(images)],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    failures: dict[str, str] = json.loads(done.stdout)
    assert failures.keys() == images.keys()
    return failures


def _has(place: Path, service: str, role: str) -> bool:
    return (place / "services" / service / f"{role}.py").exists()


def test_a_container_refuses_a_role_it_does_not_know() -> None:
    done = subprocess.run(
        ["sh", str(ROOT / "deploy" / "image" / "run"), "everything"],
        env={"SERVICE": "imaging", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.returncode == 64
    assert "none of app, worker, renderer, migrate" in done.stderr
