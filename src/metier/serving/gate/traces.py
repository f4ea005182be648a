"""OpenTelemetry traces of requests: request, admit, route, generate; texts are never in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metier.errors import MissingExtraError
from metier.tracing import TRACER

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROVIDER = "metier"

_log = logging.getLogger("metier.serving")
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
