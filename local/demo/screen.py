"""What a person sees while the demo works: bars on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)


class Bar:
    """One step that counts."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self) -> None:
        self._progress.advance(self._task)

    def set(self, count: int) -> None:
        self._progress.update(self._task, completed=count)


class Screen:
    """Steps and bars, one after the other."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)

    def tell(self, text: str) -> None:
        self.console.print(f"  {text}", markup=False)

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        with self._progress() as progress:
            task = progress.add_task(label, total=1)
            yield
            progress.update(task, completed=1)

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Bar]:
        with self._progress() as progress:
            yield Bar(progress, progress.add_task(label, total=total))

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("  {task.description:<52}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )
