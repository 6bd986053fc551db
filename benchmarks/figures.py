"""One measured figure beside its goal: the table people read and the file machines read."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "out" / "bench"


@dataclass(frozen=True)
class Figure:
    """What was measured; `goal` and `holds` are empty where a figure only stands for comparison."""

    name: str
    value: float | None
    """None when it could not be measured here; the name says why."""
    unit: str
    goal: str = ""
    holds: bool | None = None


def at_least(name: str, value: float, unit: str, goal: float) -> Figure:
    return Figure(name, value, unit, f"≥ {goal:g}", value >= goal)


def at_most(name: str, value: float, unit: str, goal: float) -> Figure:
    return Figure(name, value, unit, f"≤ {goal:g}", value <= goal)


def skipped(name: str, reason: str) -> Figure:
    return Figure(f"{name}: skipped, {reason}", None, "")


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def table(figures: Sequence[Figure]) -> str:
    """Columns `name value unit goal holds`."""
    rows = [("name", "value", "unit", "goal", "holds")]
    rows += [
        (figure.name, _number(figure.value), figure.unit, figure.goal, _verdict(figure.holds))
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            (text.rjust if column == 1 else text.ljust)(widths[column])
            for column, text in enumerate(row)
        ).rstrip()
        for row in rows
    )


def write(area: str, figures: Sequence[Figure]) -> Path:
    """`out/bench/<area>.json`."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{area}.json"
    rows = [asdict(figure) for figure in figures]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    return path


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _verdict(holds: bool | None) -> str:
    return "" if holds is None else "yes" if holds else "NO"
