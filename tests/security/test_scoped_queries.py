"""Every query of a repository is tied to the workspace it is asked for (R13, mutants)."""

from pathlib import Path

import pytest

from tests.security.queries import (
    module_of,
    mutants,
    queries_of,
    repositories,
    unscoped,
    without_filter,
)
from tests.security.records import asked
from tests.test_architecture import name_of

QUERIES = [
    pytest.param(path, name, id=f"{path.parts[-3]}-{name}")
    for path in repositories()
    for name in queries_of(path, module_of(path))
]


@pytest.mark.parametrize(("path", "name"), QUERIES)
async def test_a_query_touches_rows_of_its_own_workspace_only(path: Path, name: str) -> None:
    record = await asked(queries_of(path, module_of(path))[name])
    assert not record.is_empty, "it asked nothing"
    assert unscoped(record) == []


async def test_the_workspace_taken_out_of_any_query_is_seen() -> None:
    """One mutant for each comparison with a workspace in a repository; none survives."""
    survivors, tried = [], 0
    for path, place in mutants():
        tried += 1
        queries = queries_of(path, without_filter(path, place))
        if not [name for name, query in queries.items() if unscoped(await asked(query))]:
            survivors.append(f"{name_of(path)}, comparison {place}")
    assert tried > 100
    assert survivors == []
