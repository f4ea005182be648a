"""The span of one call of a model, inside of its request's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from metier.serving.engines.writing import Ask, End
from metier.serving.gate.gateway import Visit
from metier.serving.gate.traces import PROVIDER
from metier.tracing import TRACER

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_OPERATIONS = {"completions": "text_completion"}


class GenerationSpan:
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
