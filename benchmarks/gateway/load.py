"""wrk runs, and the processor time a process spends on them."""

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """
local requests, next = {}, 0
init = function()
  for line in io.lines(os.getenv("BENCH_HEADERS")) do
    local name, value = line:match("([^:]+): (.*)")
    requests[#requests + 1] = wrk.format("GET", nil, {[name] = value})
  end
end
request = function() next = next % #requests + 1; return requests[next] end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"errors":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


PATIENCE = "10s"
"""Slower answers count as errors; wrk's own 2 s is what a busy machine makes of any server."""


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw; `cpu` is what each observed process spent, µs a request."""

    rate: float
    p50: float
    p99: float
    errors: int
    requests: int
    cpu: tuple[float, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Of one core, by each observed process."""
        return tuple(cpu * self.rate / 1e6 for cpu in self.cpu)


async def press(
    url: str, headers: Sequence[str], *, connections: int, seconds: int, pids: Sequence[int] = ()
) -> Load:
    """Press for so long; the requests take the header lines in turn."""
    with tempfile.TemporaryDirectory() as place:
        script, lines = Path(place) / "press.lua", Path(place) / "headers"
        script.write_text(SCRIPT)
        lines.write_text("".join(f"{line}\n" for line in headers))
        before = [cpu_seconds(pid) for pid in pids]
        process = await asyncio.create_subprocess_exec(
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", PATIENCE),
            *("-s", str(script), url),
            env={**os.environ, "BENCH_HEADERS": str(lines)},
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(process.communicate(), seconds + 30)
        spent = [cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True)]
    seen = json.loads(output.decode().strip().splitlines()[-1])
    count = max(1, seen["requests"])
    rate = count / seen["microseconds"] * 1e6
    cpu = tuple(seconds_spent / count * 1e6 for seconds_spent in spent)
    return Load(rate, seen["p50"], seen["p99"], seen["errors"], seen["requests"], cpu)


def cpu_seconds(pid: int) -> float:
    """Of a process with its children, user and system."""
    own = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(own[11]) + int(own[12])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_seconds(int(child)) for child in children)


def keep_to(cores: set[int], pid: int) -> None:
    """A process with its threads, and what it starts from now on, runs on these cores only."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def resident_bytes(pid: int) -> int:
    """Of the process alone."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
