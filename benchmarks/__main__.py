"""`make bench`, or `make bench AREA=gateway`: one table per area, and `out/bench/<area>.json`."""

import importlib
import pkgutil
import sys

import uvloop

import benchmarks
from benchmarks.figures import Figure, table, write


def main(wanted: list[str]) -> int:
    """Runs each area's `async def run() -> list[Figure]`; an area is a package of this folder."""
    known = sorted(found.name for found in pkgutil.iter_modules(benchmarks.__path__) if found.ispkg)
    unknown = [area for area in wanted if area not in known]
    if unknown:
        print(f"no such area: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    for area in wanted or known:
        figures: list[Figure] = uvloop.run(importlib.import_module(f"benchmarks.{area}").run())
        print(f"\n{area}\n{table(figures)}")
        print(f"written to {write(area, figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
