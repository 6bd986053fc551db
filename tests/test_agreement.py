"""What must be said in several places is said the same in all of them."""

import importlib
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from chassis.consumers import Consumers, Subscription
from contracts.event import PrivateEvent
from contracts.facts import FACTS
from tests.test_architecture import DOMAINS, ROOT, SERVICES, sources


def reactions(service: str) -> list[Consumers]:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources(f"services/{service}")
        if path.stem == "consumers"
    ]
    every = [vars(importlib.import_module(name)).values() for name in modules]
    return [value for values in every for value in values if isinstance(value, Consumers)]


@pytest.mark.parametrize("service", DOMAINS)
def test_reactions_are_queues_of_their_service_and_each_name_is_one(service: str) -> None:
    taken: list[Subscription] = []
    for each in reactions(service):
        taken += each.subscriptions
    names = [one.name for one in taken]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    for one in taken:
        assert one.name == f"{service}.{one.reaction.__name__}"
        assert not one.reaction.__name__.startswith("on_"), "named by its effect"
        if issubclass(one.event, PrivateEvent):
            assert one.event.__module__.startswith((f"services.{service}.", "contracts."))
        else:
            assert FACTS[one.event.routing_key] is one.event


@pytest.mark.parametrize("service", DOMAINS)
def test_worker_includes_every_capability_that_reacts(service: str) -> None:
    processes = [ROOT / "services" / service / f"{name}.py" for name in ("worker", "renderer")]
    wired = "".join(path.read_text() for path in processes if path.exists())
    for path in sources(f"services/{service}"):
        if path.stem == "consumers":
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            package = module.rpartition(".")[0]
            assert module in wired or f"from {package} import consumers" in wired, module


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_known_in_every_place_that_must_know_it(service: str) -> None:
    folder = ROOT / "services" / service
    assert (folder / "README.md").is_file()
    assert re.search(rf"^{service} = \[", (ROOT / "pyproject.toml").read_text(), re.M)
    assert f'"services.{service}"' in (ROOT / "pyproject.toml").read_text(), "import fences"
    if service != "gateway":
        publishes_nothing = "**Publishes**: nothing" in (folder / "README.md").read_text()
        assert (ROOT / "contracts" / f"{service}.py").is_file() != publishes_nothing
        assert list((folder / "migrations" / "versions").glob("0001_*.py"))


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_deployed(service: str) -> None:
    compose, base = ROOT / "docker-compose.yml", ROOT / "deploy" / "k8s" / "base"
    wanted = [service] if service == "gateway" else [service, f"{service}-worker"]
    for name in wanted:
        assert re.search(rf"^  {name}:", compose.read_text(), re.M), name
    assert (base / f"{service}.yaml").is_file()


@pytest.mark.parametrize("service", DOMAINS)
def test_readme_answers_the_five_questions(service: str) -> None:
    text = (ROOT / "services" / service / "README.md").read_text()
    for heading in ("Owns", "Publishes", "Reacts to", "Calls", "Never"):
        assert heading in text, heading


MACHINE_PATH = re.compile(
    r"(?<![\w./~}-])/(?:work|root|home/\w+|Users/\w+|mnt/\w+)(?=[/\s\"'`:]|$)"
)
REGISTRY = re.compile(r"index-url|pypi\.org|pythonhosted|/simple/?[\s\"']|registry\.npmjs|/pypi/")


def test_no_machine_path_and_no_registry_address_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git work tree")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file() or path == Path(__file__):
            continue
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found += [f"{name}: {match[0]}" for match in MACHINE_PATH.finditer(text)]
        found += [f"{name}: {match[0]}" for match in REGISTRY.finditer(text)]
    assert found == []
