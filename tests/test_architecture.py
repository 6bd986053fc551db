"""The rules of how this is built that no other tool checks: sizes, names, fences."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture_allowed import (
    ACROSS_WORKSPACES,
    EXTRA_FOLDERS,
    MAY_PUBLISH,
    UNSCOPED_QUERIES,
)

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("chassis", "contracts", "services", "local", "tests", "benchmarks", "deploy")
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/__init__.py"))
DOMAINS = [name for name in SERVICES if name != "gateway"]
CAPABILITY_FILES = {"api", "consumers", "schemas", "use_cases", "rules", "repository"}
MOST_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS, MOST_DOOR_STATEMENTS = 300, 40, 6, 12

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*packages: str) -> list[Path]:
    """Every Python file of these packages, migrations left out."""
    found = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    return sorted(path for path in found if "migrations" not in path.parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, Function):
            yield node


def where(path: Path, node: Function) -> str:
    return f"{name_of(path)}:{node.lineno} {node.name}"


def test_files_have_at_most_300_lines() -> None:
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in sources(*PACKAGES)}
    assert {name: size for name, size in sizes.items() if size > MOST_LINES} == {}


def test_chassis_files_have_at_most_200_lines() -> None:
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in sources("chassis")}
    assert {name: size for name, size in sizes.items() if size > 200} == {}


def test_chassis_keeps_its_budget() -> None:
    """Decision 16: what only one service needs, or a library has, does not belong there."""
    assert sum(len(path.read_text().splitlines()) for path in sources("chassis")) <= 2600


def test_functions_have_at_most_40_lines() -> None:
    long = [
        where(path, function)
        for path in sources(*PACKAGES)
        for function in functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > MOST_FUNCTION_LINES
    ]
    assert long == []


def test_functions_take_at_most_6_parameters() -> None:
    many = [
        where(path, function)
        for path in sources("chassis", "contracts", "services", "local")
        for function in functions(path)
        if len(parameters(function)) > MOST_PARAMETERS
    ]
    assert many == []


def parameters(function: Function) -> list[ast.arg]:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [one for one in every if one.arg not in ("self", "cls")]


def test_folders_of_a_service_are_capabilities_with_the_six_file_names() -> None:
    strange = []
    for path in sources(*(f"services/{name}" for name in DOMAINS)):
        _, service, *rest = path.relative_to(ROOT).with_suffix("").parts
        if len(rest) < 2 or rest[0] == "providers" or f"{service}/{rest[0]}" in EXTRA_FOLDERS:
            continue
        # A file over 300 lines becomes a folder of the same name: one level more.
        if rest[1] not in {"__init__", *CAPABILITY_FILES} or len(rest) > 3:
            strange.append(name_of(path))
    assert strange == []


def test_folders_under_services_are_at_most_two_deep() -> None:
    deep = [
        name_of(path)
        for path in sources("services")
        if len(path.relative_to(ROOT / "services").parts) > 3
        and path.parent.name not in CAPABILITY_FILES
    ]
    assert deep == []


def test_doors_are_thin() -> None:
    """Routes and reactions parse, open the transaction, call and answer."""
    thick = [
        f"{where(path, function)}: {count} statements"
        for path in sources("services")
        if "api" in path.parts[-2:] or path.stem in ("api", "consumers")
        for function in functions(path)
        if is_door(function) and (count := statements(function)) > MOST_DOOR_STATEMENTS
    ]
    assert thick == []


def test_doors_and_their_dependencies_take_no_thread() -> None:
    """FastAPI runs a plain function in a thread: two hops a request, half of what it costs."""
    paths = sources("services", "chassis")
    given = re.compile(r"Depends\(([\w.]+)\)")
    names = {name.split(".")[-1] for path in paths for name in given.findall(path.read_text())}
    assert names >= {"get_caller", "get_database"}
    in_a_thread = [
        where(path, function)
        for path in paths
        for function in functions(path)
        if isinstance(function, ast.FunctionDef) and (function.name in names or is_door(function))
    ]
    assert in_a_thread == []


def is_door(function: Function) -> bool:
    verbs = {"get", "post", "put", "patch", "delete", "on", "on_batch"}
    called = [one.func for one in function.decorator_list if isinstance(one, ast.Call)]
    return any(isinstance(one, ast.Attribute) and one.attr in verbs for one in called)


def statements(function: Function) -> int:
    inner = [node for part in function.body for node in ast.walk(part)]
    spoken = ast.get_docstring(function) is not None
    return sum(isinstance(node, ast.stmt) for node in inner) - spoken


def test_modules_say_what_they_are_for() -> None:
    silent = [
        name_of(path)
        for path in sources(*PACKAGES)
        if path.read_text().strip() and ast.get_docstring(tree_of(path)) is None
    ]
    assert silent == []


def test_classes_say_what_they_are() -> None:
    silent = [
        f"{name_of(path)} {node.name}"
        for path in sources("chassis", "contracts", "services")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef) and ast.get_docstring(node) is None
    ]
    assert silent == []


def test_only_doors_end_transactions() -> None:
    committing = [
        f"{name_of(path)}:{call.lineno}"
        for path in sources("services")
        for call in method_calls(path, "commit", "rollback")
    ]
    assert committing == []


def test_nothing_but_relay_retries_and_dead_letters_publishes() -> None:
    publishing = {
        name_of(path)
        for path in sources("chassis", "services")
        if list(method_calls(path, "publish", "basic_publish"))
    }
    assert publishing <= MAY_PUBLISH.keys(), publishing - MAY_PUBLISH.keys()


def test_every_workspace_at_once_is_seen_only_where_a_reason_is_given() -> None:
    seeing = {
        name_of(path)
        for path in sources("services")
        if list(method_calls(path, "across_workspaces"))
    }
    assert sorted(seeing - ACROSS_WORKSPACES.keys()) == []
    assert sorted(ACROSS_WORKSPACES.keys() - seeing) == [], "no longer needed"


def method_calls(path: Path, *names: str) -> Iterator[ast.Attribute]:
    for node in ast.walk(tree_of(path)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in names:
            yield called


def test_queries_take_the_session_and_the_workspace_first() -> None:
    unscoped = {
        f"{name_of(path)} {query.name}"
        for path in sources(*(f"services/{name}" for name in DOMAINS))
        if "repository" in (path.stem, path.parent.name)
        for query in tree_of(path).body
        if isinstance(query, ast.AsyncFunctionDef) and not query.name.startswith("_")
        if not is_scoped(query, tables_of(path)) and not says_it_is_not(query)
    }
    assert sorted(unscoped - UNSCOPED_QUERIES.keys()) == []
    assert sorted(UNSCOPED_QUERIES.keys() - unscoped) == [], "no longer needed"


def is_scoped(function: Function, tables: set[str]) -> bool:
    """`(session, workspace_id, …)`, or a row of our own, which names its workspace."""
    first, *others = function.args.args
    if first.arg != "session" or not others or others[0].annotation is None:
        return False
    types = {node.id for node in ast.walk(others[0].annotation) if isinstance(node, ast.Name)}
    return others[0].arg.endswith("workspace_id") or types <= tables


def tables_of(repository: Path) -> set[str]:
    """The names of a service's tables."""
    service = repository.relative_to(ROOT / "services").parts[0]
    paths = sources(f"services/{service}")
    trees = [tree_of(path) for path in paths if "tables" in (path.stem, path.parent.name)]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def says_it_is_not(function: Function) -> bool:
    """A query over every workspace says so where it is written."""
    said = ast.get_docstring(function) or ""
    return re.search(r"(?i)across workspaces|(every|any|no) workspace", said) is not None
