"""The tool ``search``: passages of a release's documents, numbered so that they can be cited."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from metier.errors import DataError
from metier.protocols import Retriever
from metier.types import Artifact, Hit, Json, Scope, ToolCall, ToolResult

PASSAGES = "passages.json"


class SearchTool:
    """Finds passages in one store, tier by tier where it has tiers, as of a day where one is given.

    A tenant finds what is its own and what is nobody's. The passages are handed over as
    ``passages.json`` too, so that code which is run later can read what it draws.
    """

    description = (
        "Search the documents. Gives numbered passages; cite one as [1]. Ask with the words that "
        "the documents would use."
    )

    def __init__(
        self,
        retriever: Retriever,
        *,
        name: str = "search",
        tiers: Sequence[str] = (),
        k: int = 5,
        characters: int = 1000,
    ) -> None:
        """``tiers`` can be chosen by the model; a passage is cut at so many ``characters``."""
        self.name = name
        self._retriever = retriever
        self._k = k
        self._characters = characters
        properties: dict[str, Json] = {
            "query": {"type": "string", "minLength": 1, "maxLength": 1000}
        }
        if tiers:
            properties["tier"] = {"enum": list(tiers)}
        properties["as_of"] = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
        self.parameters: Mapping[str, Json] = {
            "type": "object",
            "properties": properties,
            "required": ["query"],
            "additionalProperties": False,
        }

    def call(self, call: ToolCall) -> ToolResult:
        """The best passages; an unknown tier or day is a failed result."""
        try:
            hits = self._found(call)
        except DataError as error:
            return ToolResult(str(error), failed=True)
        if not hits:
            return ToolResult("Nothing was found.")
        shown = [_told(place, hit, self._characters) for place, hit in enumerate(hits, 1)]
        return ToolResult("\n\n".join(shown), (_artifact(hits),), tuple(hits))

    def _found(self, call: ToolCall) -> list[Hit]:
        tier, day = call.arguments.get("tier"), call.arguments.get("as_of")
        scope = Scope(as_of=day, tiers=(str(tier),) if tier else (), tenant=call.tenant)
        return self._retriever.search([str(call.arguments["query"])], self._k, scope=scope)[0]


def _told(place: int, hit: Hit, characters: int) -> str:
    about = ", ".join(part for part in (hit.chunk.title, hit.tier, hit.valid_from or "") if part)
    return f"[{place}] {about}\n{hit.chunk.text[:characters]}"


def _artifact(hits: Sequence[Hit]) -> Artifact:
    rows = [
        {
            "number": place,
            "text": hit.chunk.text,
            "title": hit.chunk.title,
            "uri": hit.uri,
            "tier": hit.tier,
            "span": asdict(hit.chunk.source),
            "metadata": dict(hit.metadata),
        }
        for place, hit in enumerate(hits, 1)
    ]
    content = json.dumps(rows, ensure_ascii=False, indent=1, default=str).encode()
    return Artifact(PASSAGES, "application/json", content)
