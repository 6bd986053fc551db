"""Traces, metrics and logs: one trace from the door through the broker to the reaction."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any, Protocol

import structlog
from fastapi import FastAPI
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF


class Telling(Protocol):
    """The settings that logs and traces need."""

    @property
    def service(self) -> str: ...

    @property
    def log_level(self) -> str: ...

    @property
    def log_as_json(self) -> bool: ...


def start(settings: Telling) -> None:
    """Once per process. Exports by OTLP when OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

    OTEL_TRACES_SAMPLER says how many traces; the gateway's choice holds for every service behind.
    """
    _start_logs(settings)
    resource = Resource.create({"service.name": settings.service})
    exporting = bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    # Without a collector spans cost time for nobody; trace ids still flow to logs and answers.
    tracers = TracerProvider(resource=resource, sampler=None if exporting else ALWAYS_OFF)
    if exporting:
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(tracers)
    readers = [PeriodicExportingMetricReader(OTLPMetricExporter())] if exporting else []
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=readers))
    # Not the SQLAlchemy instrumentation: it gives no spans on SQLAlchemy 2.1.
    AsyncPGInstrumentor().instrument()  # type: ignore[no-untyped-call]


def instrument(app: FastAPI) -> None:
    FastAPIInstrumentor.instrument_app(app, excluded_urls="/health/.*")


def _add_service(service: str) -> Any:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", service)
        return event

    return add


def _add_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
    return event


def _start_logs(settings: Telling) -> None:
    # Never local variables in a traceback: they hold secrets and signed URLs.
    plain = structlog.dev.plain_traceback
    for_people = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=plain
    )
    as_json = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    last: list[Any] = as_json if settings.log_as_json else [for_people]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_service(settings.service),
        _add_trace,
    ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(processors=last, foreign_pre_chain=shared)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    # Libraries: warnings only; their debug lines may hold signed URLs.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
