"""One trace from the door through outbox and broker to the reaction; logs that tell no secret."""

import json
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.caller import sign
from chassis.testing import KeyPair
from tests.chassis.bench import Bench, leave_effect, ready, until
from tests.chassis.processes import ready_process
from tests.chassis.sample_app import create_app
from tests.chassis.worker_process import SECRET
from tests.support.services import make_caller


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Every span of this process, as an exporter would get them."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # What is set by the front door stays for ever, and with it a trace id in others' answers.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    instrumentor = AsyncPGInstrumentor()  # type: ignore[no-untyped-call]
    instrumentor.instrument()
    yield exporter
    instrumentor.uninstrument()
    exporter.shutdown()


async def test_one_trace_from_the_request_to_the_reaction(
    bench: Bench, key_pair: KeyPair, spans: InMemorySpanExporter
) -> None:
    bench.consumers.on(bench.noted)(leave_effect)
    app = create_app(bench)
    token = sign(make_caller(), key_pair.private_key, service=bench.name)
    headers = {"authorization": f"Bearer {token}"}
    async with bench.worker().running() as worker:
        await ready(worker)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://sample", headers=headers
        ) as client:
            assert (await client.post("/notes", json={"text": "traced"})).status_code == 201

        async def reacted() -> bool:
            return any(is_reaction(span, bench) for span in spans.get_finished_spans())

        await until(reacted)

    finished = spans.get_finished_spans()
    request = next(span for span in finished if span.name == "POST /notes")
    reaction = next(span for span in finished if is_reaction(span, bench))
    assert request.context is not None
    assert reaction.context is not None
    assert reaction.context.trace_id == request.context.trace_id
    of_trace = [span for span in finished if trace_of(span) == request.context.trace_id]
    in_database = [span for span in of_trace if (span.attributes or {}).get("db.system")]
    parents = {span.parent.span_id for span in in_database if span.parent is not None}
    assert any("INSERT INTO effect" in str(span.attributes) for span in in_database)
    assert any("INSERT INTO inbox" in str(span.attributes) for span in in_database)
    assert len(parents) >= 2


async def test_breakage_names_its_trace(
    bench: Bench, key_pair: KeyPair, spans: InMemorySpanExporter
) -> None:
    transport = httpx.ASGITransport(create_app(bench), raise_app_exceptions=False)
    token = sign(make_caller(), key_pair.private_key, service=bench.name)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sample", headers=headers
    ) as client:
        broken = await client.post("/notes", json={"text": "break"})
        missing = await client.get("/nothing")
    traces = {f"{trace_of(span):032x}" for span in spans.get_finished_spans()}
    assert broken.json()["trace_id"] in traces
    assert missing.json()["trace_id"] in traces


async def test_failing_reaction_logs_json_with_its_trace_and_no_secret(bench: Bench) -> None:
    async with ready_process(bench) as running:
        fact = bench.fact("fail in the database")
        await bench.say(bench.fact("fail"), fact)
        await until(lambda: rested(bench, 2))
        running.process.terminate()
        code, logged = await running.ended()
    assert code == 0
    lines = [json.loads(line) for line in logged.splitlines()]
    failures = [line for line in lines if line["event"] == "reaction.failed"]
    assert len(failures) == 2
    for failure in failures:
        assert failure["service"] == bench.name
        assert failure["level"] == "error"
        assert failure["reaction"] == f"{bench.name}.work"
        assert failure["workspace_id"] == str(bench.workspace_id)
        assert len(failure["trace_id"]) == 32
        assert "Traceback" in failure["exception"]
    assert str(fact.event_id) in [failure["event_id"] for failure in failures]
    assert SECRET not in logged
    assert not any(SECRET in letter.error for letter in await bench.dead_letters())


async def rested(bench: Bench, count: int) -> bool:
    return len(await bench.dead_letters()) == count


def is_reaction(span: ReadableSpan, bench: Bench) -> bool:
    return span.name.endswith("process") and bench.name in f"{span.name} {span.attributes}"


def trace_of(span: ReadableSpan) -> int:
    return span.context.trace_id if span.context is not None else 0
