"""Answers to the timeline's questions: a field of the passage, or what a language model reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metier.protocols import LanguageModel
from metier.retrieval.authority.aliases import folded
from metier.store import Project
from metier.types import GenerateConfig, Json, Message, content_hash

ASKS = {
    "platforms": r"platforms?",
    "tactics": r"tactics?",
    "replaced_by": r"replaced|superseded",
    "country": r"country|attributed",
    "also_called": r"alias(?:es)?|synonyms?|other names|also called",
    "name": r"called|names?",
}
"""Words that ask for a field, as a recipe's `fields` has them."""
INSTRUCTION = (
    "Answer the question from the passage alone. Give only the name or the list, nothing else."
)


def right(answer: str | None, gold: Json) -> bool:
    """A name must be the same but for case and punctuation; a list must have the same items."""
    if answer is None or gold is None:
        return answer is None and gold is None
    if isinstance(gold, list):
        said = folded(answer)
        # Names may hold commas, so the items are looked for, and nothing may be left over.
        for item in sorted(map(folded, map(str, gold)), key=len, reverse=True):
            if item not in said:
                return False
            said = said.replace(item, "", 1)
        return said in ("", "and")
    return folded(answer) == folded(str(gold))


def holds_all(answer: str, gold: Json) -> bool:
    """Whether every item is in the answer, whatever else is."""
    items = gold if isinstance(gold, list) else [gold]
    return all(folded(str(item)) in folded(answer) for item in items)


class ModelReader:
    """A language model that reads one passage for one question; each answer is kept."""

    def __init__(self, load: Callable[[], LanguageModel], project: Project) -> None:
        self._load = load
        self._project = project
        self._kept: dict[str, Json] = project.items("timeline-answers")

    def read(self, asked: Sequence[tuple[str, str]]) -> list[str]:
        """The answer to each (question, passage)."""
        keys = [content_hash(list(one)) for one in asked]
        for key, (question, passage) in zip(keys, asked, strict=True):
            if key not in self._kept:
                shown = f"{INSTRUCTION}\n\nPassage:\n{passage}\n\nQuestion: {question}"
                config = GenerateConfig(max_new_tokens=48)
                text = self._load().generate([(Message("user", shown),)], config)[0].text
                self._kept[key] = text
                self._project.add_items("timeline-answers", {key: text})
                print(f"{question} -> {text!r}", flush=True)
        return [str(self._kept[key]) for key in keys]
