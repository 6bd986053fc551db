"""Nobody gets where they do not belong: every operation as every principal (R13, D14-D18, D21)."""

import asyncio

import pytest

from local.infrastructure.place import REPOSITORY
from tests.security.cast import PRINCIPALS, STRANGERS, Cast
from tests.security.matrix import VENDORS_DOORS, Cell, ask, doors, operations_of, read_policy, table
from tests.security.operations import ENDS_SESSIONS
from tests.security.studio import Studio

# A busy machine takes its time for two thousand answers.
pytestmark = pytest.mark.timeout(300)
MATRIX = REPOSITORY / "out" / "security" / "matrix.md"


@pytest.fixture(scope="module")
async def cells(cast: Cast) -> list[Cell]:
    """Every answer; those operations that end sessions come last, one principal at a time."""
    policy, found = read_policy(), []
    quiet = [operation for operation in policy if operation not in ENDS_SESSIONS]
    for operation in quiet:
        expected = policy[operation]
        found += await asyncio.gather(
            *(ask(cast, operation, principal, expected[principal]) for principal in PRINCIPALS)
        )
    for operation in ENDS_SESSIONS:
        for principal in PRINCIPALS:
            found.append(await ask(cast, operation, principal, policy[operation][principal]))
    MATRIX.parent.mkdir(parents=True, exist_ok=True)
    MATRIX.write_text(table(found))
    return found


async def test_every_operation_has_a_row_in_the_policy(studio: Studio) -> None:
    documented = operations_of(await studio.done("GET", "/openapi.json"))
    assert documented | VENDORS_DOORS == set(read_policy())


async def test_no_door_but_the_vendors_is_undocumented(studio: Studio) -> None:
    """G1: whatever a service answers and the gateway lets through is in the document."""
    documented = operations_of(await studio.done("GET", "/openapi.json"))
    assert doors() - documented == VENDORS_DOORS
    assert documented - doors() == {"GET /v1/events"}


def test_nobody_may_more_or_less_than_the_policy_says(cells: list[Cell]) -> None:
    wrong = [
        f"{cell.principal}: {cell.operation} answered {cell.status}, not {cell.expected}: "
        f"{cell.text[:200]}"
        for cell in cells
        if cell.status != cell.expected
    ]
    assert not wrong, "\n".join(wrong)
    assert len(cells) == len(read_policy()) * len(PRINCIPALS)


def test_a_foreign_thing_answers_exactly_like_one_that_is_not_there(cells: list[Cell]) -> None:
    twins = [cell for cell in cells if cell.twin]
    assert len(twins) > 20
    assert [(c.operation, c.text, c.twin) for c in twins if c.text != c.twin] == []


def test_no_answer_holds_anything_of_another_workspace(cells: list[Cell], cast: Cast) -> None:
    hidden = {principal: cast.hidden_from(principal) for principal in PRINCIPALS}
    told = [
        (cell.operation, cell.principal, thing)
        for cell in cells
        if not (cell.principal == "system admin" and "/admin/" in cell.operation)
        for thing in hidden[cell.principal]
        if thing in cell.text
    ]
    assert told == []


def test_a_stranger_is_refused_wherever_an_operation_names_a_thing(cells: list[Cell]) -> None:
    # What anybody may do is nobody's thing.
    closed = {name for name, codes in read_policy().items() if codes["anonymous"] >= 400}
    allowed = [
        (cell.operation, cell.principal, cell.status)
        for cell in cells
        if cell.principal in STRANGERS and "{" in cell.operation and cell.operation in closed
        if cell.status < 400
    ]
    assert allowed == []
