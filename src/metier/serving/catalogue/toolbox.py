"""The tools that the operator lets models call: for which model, for whom, within what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from metier.protocols import Retriever, Tool
from metier.serving.engines.batcher import Batcher
from metier.serving.records.shelf import Shelf
from metier.serving.refusal import Refusal
from metier.types import Budget, Hit, Scope


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool, and who may use it."""

    tool: Tool
    model: str = ""
    """The only model that may call it; empty for all."""
    tenant: str = ""
    """The only tenant that may ask for it; empty for all."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """All of them, with a place for what they make."""

    offered: Sequence[Offered]
    shelf: Shelf
    budget: Budget = field(default_factory=Budget)
    """No request gets more."""
    closing: tuple[Callable[[], None], ...] = ()
    """What is to be closed with it."""
    workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(4, thread_name_prefix="metier-tool")
    )

    def of(self, model: str, tenant: str) -> dict[str, Tool]:
        """What this tenant may let this model call; what is more its own comes first."""
        found: dict[str, Tool] = {}
        ranked = sorted(self.offered, key=lambda one: (not one.tenant, not one.model))
        for one in ranked:
            if one.model in ("", model) and one.tenant in ("", tenant):
                found.setdefault(one.tool.name, one.tool)
        return found

    def chosen(self, names: Sequence[str], model: str, tenant: str) -> dict[str, Tool]:
        """Those of these names; ``Refusal`` 400 for one that is not offered."""
        known = self.of(model, tenant)
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise Refusal(
                400,
                f"there is no tool {unknown!r} for {model!r}; there are: "
                f"{', '.join(sorted(known)) or 'none'}",
                param="tools",
            )
        return {name: known[name] for name in names}

    def close(self) -> None:
        """Let calls under way finish, then close the shelf."""
        self.workers.shutdown()
        for close in self.closing:
            close()
        self.shelf.close()


class QueuedRetriever:
    """A retriever whose embedder has its turn among the server's models: one thread for all."""

    def __init__(self, retriever: Retriever, batcher: Batcher) -> None:
        self._retriever = retriever
        self._batcher = batcher

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """As the retriever's own, behind what waits already."""

        def found(batch: Sequence[Sequence[str]]) -> list[list[list[Hit]]]:
            return [self._retriever.search(one, k, scope=scope) for one in batch]

        hits: list[list[Hit]] = self._batcher.submit(object(), questions, found).result()
        return hits
