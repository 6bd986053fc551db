"""What a collector is told of a request, and the ids it has either way."""

import time

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanKind

from services.gateway.routing import find_route
from services.gateway.tracing import Tracing, traceparent


def telling(sampler: Sampler) -> tuple[Tracing, InMemorySpanExporter]:
    provider = TracerProvider(
        resource=Resource({"service.name": "gateway"}), sampler=sampler, shutdown_on_exit=False
    )
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider), exporter


def test_a_sampled_request_is_told_once_with_route_status_and_times() -> None:
    tracing, exporter = telling(ALWAYS_ON)
    before = time.time_ns()
    passage = tracing.begin("GET", find_route("/v1/projects/7/images"))
    assert exporter.get_finished_spans() == ()
    tracing.end(passage, 204)
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind) == ("GET /v1/projects", SpanKind.SERVER)
    assert span.attributes == {"http.response.status_code": 204}
    assert span.parent is None
    assert span.resource.attributes["service.name"] == "gateway"
    assert before <= (span.start_time or 0) <= (span.end_time or 0) <= time.time_ns()
    assert span.context == passage.get_span_context()
    encoded = encode_spans([span]).resource_spans[0].scope_spans[0]
    assert encoded.scope.name == "gateway"
    assert encoded.spans[0].trace_id.hex() == f"{passage.get_span_context().trace_id:032x}"


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, TraceIdRatioBased(0)])
def test_a_request_that_is_not_sampled_has_ids_and_is_not_told(sampler: Sampler) -> None:
    tracing, exporter = telling(sampler)
    passage = tracing.begin("GET", None)
    tracing.end(passage, 200)
    assert passage.get_span_context().is_valid
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize(("sampler", "flag"), [(ALWAYS_ON, "01"), (ALWAYS_OFF, "00")])
def test_the_services_learn_the_ids_and_whether_they_are_told(sampler: Sampler, flag: str) -> None:
    passage = telling(sampler)[0].begin("GET", None)
    context = passage.get_span_context()
    with trace.use_span(passage):
        told = traceparent().decode()
    assert told == f"00-{context.trace_id:032x}-{context.span_id:016x}-{flag}"


def test_without_the_library_set_up_there_are_ids_of_their_own_for_each_request() -> None:
    tracing = Tracing(trace.NoOpTracerProvider())
    passages = [tracing.begin("GET", None) for _ in range(3)]
    for passage in passages:
        tracing.end(passage, 200)
    assert len({passage.get_span_context().trace_id for passage in passages}) == 3
    assert all(passage.get_span_context().is_valid for passage in passages)
