"""What Prometheus reads: counts, tokens, seconds."""

from __future__ import annotations

from dataclasses import asdict

from metier.models.engines.continuous import Counts
from metier.types import Usage


class Metrics:
    """One registry for each server, so that several can live in one process."""

    def __init__(self) -> None:
        import prometheus_client as prometheus

        self._registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            "metier_requests", "Requests", ("route", "model", "status"), registry=self._registry
        )
        self._tokens = prometheus.Counter(
            "metier_tokens", "Tokens", ("model", "kind"), registry=self._registry
        )
        self._seconds = prometheus.Histogram(
            "metier_request_seconds", "Whole requests", ("route",), registry=self._registry
        )
        self._first = prometheus.Histogram(
            "metier_first_piece_seconds",
            "Until the first text",
            ("route",),
            registry=self._registry,
        )
        self._engines = prometheus.Gauge(
            "metier_engine",
            "Tokens read and written, answers running and waiting, since its last start; restarts",
            ("engine", "what"),
            registry=self._registry,
        )

    def count(
        self,
        route: str,
        model: str,
        status: int,
        seconds: float,
        *,
        first: float | None,
        usage: Usage,
    ) -> None:
        """Add one request."""
        self._requests.labels(route, model, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if first is not None:
            self._first.labels(route).observe(first)
        self._tokens.labels(model, "prompt").inc(usage.prompt_tokens)
        self._tokens.labels(model, "cached").inc(usage.cached_tokens)
        self._tokens.labels(model, "completion").inc(usage.completion_tokens)

    def engine(self, name: str, counts: Counts, restarts: int) -> None:
        """Note an engine as it is now."""
        for what, value in {**asdict(counts), "restarts": restarts}.items():
            self._engines.labels(name, what).set(value)

    def text(self) -> bytes:
        """The exposition format."""
        import prometheus_client as prometheus

        return prometheus.generate_latest(self._registry)
