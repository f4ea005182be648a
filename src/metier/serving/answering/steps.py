"""What answers in several steps, with tools or by a plan, has in common."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from metier.serving.catalogue.toolbox import Toolbox
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.engines.writing import Ask, End, Piece, Writer, Writing
from metier.serving.gate.gateway import Visit
from metier.serving.gate.wire import ChatRequest
from metier.serving.records.redaction import redacted, redacted_texts
from metier.serving.records.shelf import Step
from metier.serving.refusal import Refusal
from metier.types import Artifact, Budget, Json


@dataclass(frozen=True, slots=True)
class Steps:
    """The request, the model below it, and the tools that may be used on the way."""

    body: ChatRequest
    visit: Visit
    toolbox: Toolbox
    writer: Writer

    @property
    def budget(self) -> Budget:
        """What the client asks for, within what the operator allows."""
        asked, most = self.body.tool_budget, self.toolbox.budget
        if asked is None:
            return most
        return Budget(
            most.steps if asked.steps is None else asked.steps,
            asked.tokens or most.tokens,
            asked.seconds or most.seconds,
        ).within(most)

    def keep(self, artifact: Artifact) -> dict[str, Json]:
        """Put a file on the shelf; what the client is told of it."""
        tenant = self.visit.caller.tenant
        id = self.toolbox.shelf.put(artifact, tenant=tenant, request=self.visit.id)
        return {
            "id": id,
            "name": artifact.name,
            "url": f"/v1/artifacts/{id}",
            "media_type": artifact.media_type,
            "bytes": len(artifact.content),
        }

    def note(
        self, place: int, tool: str, arguments: Json, *, result: str, failed: bool, seconds: float
    ) -> None:
        """Log a step; its texts only where the operator keeps texts, personal data replaced."""
        keep = self.visit.gateway.keep_texts
        self.toolbox.shelf.note(
            Step(
                self.visit.id,
                place,
                self.visit.caller.tenant,
                tool,
                failed,
                seconds,
                json.dumps(redacted_texts(arguments), ensure_ascii=False) if keep else None,
                redacted(result) if keep else None,
            )
        )


def steps_of(body: ChatRequest, visit: Visit, *, param: str) -> Steps:
    """What there is to work with; ``Refusal`` 400 naming ``param`` where it is not enough.

    A specialist answers in the form it was measured in and can be bound to no other, so its base
    model works in its place. Several answers would each have a budget, and prompts of their own.
    """
    if (body.n or 1) > 1:
        raise Refusal(400, "steps lead to one answer; leave n out", param="n")
    toolbox = visit.gateway.toolbox
    if toolbox is None:
        raise Refusal(400, "this server offers no tools; see `metier serve --tool`", param=param)
    writer, tenant = visit.writer(body.model), visit.entry(body.model).tenant
    if isinstance(writer, SpecialistWriter):
        if writer.base is None:
            raise Refusal(400, f"{body.model!r} has no base model to call tools", param=param)
        below = visit.gateway.catalogue.get(writer.base, tenant).writer
        assert below is not None  # the catalogue loads a specialist's base with it
        writer = below
    return Steps(body, visit, toolbox, writer)


@dataclass(frozen=True, slots=True)
class StepWriter:
    """A ``Writer`` over another: it tells what comes of the steps, which end with their reader."""

    run: Callable[[Ask, Writing], Awaitable[tuple[str, End]]]
    """Takes the steps; it may tell of them on the way, and returns the last text and the end."""
    logs: bool = False

    def start(self, ask: Ask) -> Writing:
        """Begin the steps."""
        writing = Writing()
        writing.rest_on(asyncio.ensure_future(self._follow(ask, writing)))
        return writing

    async def _follow(self, ask: Ask, writing: Writing) -> None:
        try:
            text, end = await self.run(ask, writing)
        except Exception as error:
            writing.tell(error)
            return
        writing.tell(Piece(text))
        writing.tell(end)
