"""OpenTelemetry traces of requests: request, admit, route, generate; texts are never in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metier.errors import MissingExtraError
from metier.serving.engines.writing import Ask, End
from metier.tracing import TRACER

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from metier.serving.gate.gateway import Visit

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROVIDER = "metier"

_log = logging.getLogger("metier.serving")
_OPERATIONS = {"completions": "text_completion"}
_PROBES = ("/healthz", "/metrics")


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where spans go."""

    tracer: Tracer
    close: Callable[[], None]
    """Send what is waiting."""


def open_tracing(endpoint: str | None = None) -> Tracing | None:
    """Export to a collector over OTLP/HTTP; None when neither ``endpoint`` nor the environment
    names one.

    ``endpoint`` is the collector's base, such as ``http://localhost:4318``. All else (headers,
    sampling, the service's name) is read by OpenTelemetry from its own ``OTEL_`` variables. Where
    only the environment asks for traces and the extra is not installed, a warning is logged:
    platforms set these variables for every process.
    """
    if endpoint is None and not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        if endpoint is not None:
            raise MissingExtraError("traces", "otel") from error
        _log.warning('no traces: pip install "metier[otel]", or unset %s', ENDPOINTS[1])
        return None
    exporter = OTLPSpanExporter(endpoint and f"{endpoint.rstrip('/')}/v1/traces")
    name = os.environ.get("OTEL_SERVICE_NAME", PROVIDER)
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider.get_tracer(PROVIDER), provider.shutdown)


class Traced:
    """Makes every request a span that lasts as long as its stream does, under the caller's own."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request inside its span; probes are left out."""
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, Status, StatusCode

        carrier = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"]}
        with self._tracer.start_as_current_span(
            scope["method"], extract(carrier), kind=SpanKind.SERVER, attributes=attributes
        ) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            token = TRACER.set(self._tracer)
            try:
                await self._app(scope, receive, noted)
            finally:
                TRACER.reset(token)
                route = getattr(scope.get("route"), "path", None)
                if route is not None:
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)


class Generation:
    """One call of a model as a span, with the attributes of the GenAI conventions."""

    def __init__(self, visit: Visit, asks: Sequence[Ask]) -> None:
        tracer: Any = TRACER.get()
        operation = _OPERATIONS.get(visit.route, "chat")
        self._span: Span | None = None
        if tracer is not None:
            self._span = tracer.start_span(
                f"{operation} {visit.model}", attributes=_asked(visit, asks, operation)
            )

    def current(self) -> AbstractContextManager[object]:
        """What begins inside is under this span."""
        if self._span is None:
            return nullcontext()
        from opentelemetry.trace import use_span

        return use_span(self._span)

    def end(self, ends: Sequence[End | None], error: BaseException | None = None) -> None:
        """Note what came of it; a second time does nothing."""
        if self._span is None or not self._span.is_recording():
            return
        known = [end for end in ends if end is not None]
        if known:
            self._span.set_attributes(
                {
                    "gen_ai.usage.input_tokens": known[0].usage.prompt_tokens,
                    "gen_ai.usage.cache_read.input_tokens": known[0].usage.cached_tokens,
                    "gen_ai.usage.output_tokens": sum(e.usage.completion_tokens for e in known),
                    "gen_ai.response.finish_reasons": [end.finish for end in known],
                }
            )
        if error is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", type(error).__name__)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _asked(visit: Visit, asks: Sequence[Ask], operation: str) -> dict[str, Any]:
    config = asks[0].config
    told = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": visit.model,
        "gen_ai.response.model": visit.model,
        "gen_ai.response.id": visit.id,
        "gen_ai.request.choice.count": len(asks),
        "gen_ai.request.max_tokens": config.max_new_tokens,
        "gen_ai.request.temperature": config.temperature,
        "gen_ai.request.top_p": config.top_p,
        "gen_ai.request.top_k": config.top_k,
        "gen_ai.request.seed": config.seed if config.temperature else None,
        "gen_ai.request.stop_sequences": list(config.stop) or None,
        "gen_ai.request.stream": asks[0].live,
        "gen_ai.output.type": "json" if config.json_schema is not None else "text",
    }
    return {name: value for name, value in told.items() if value is not None}
