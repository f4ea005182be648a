"""From entry points to implementations; what metier ships comes through the same door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points

from metier.errors import DataError

METHODS = "metier.methods"
"""The group of the ladder's rungs: each entry is a class that implements ``protocols.Method``."""

CHECKERS = "metier.checkers"
"""The group of the judges of support: each entry is a class that implements
``protocols.SupportChecker`` and is made without arguments."""

BUILT_IN: Mapping[str, Mapping[str, str]] = {
    METHODS: {
        "majority": "metier.methods.majority:Majority",
        "tfidf": "metier.methods.tfidf:Tfidf",
        "embedding": "metier.methods.embedding:Embedding",
        "prompt": "metier.methods.prompt:Prompt",
        "few_shot": "metier.methods.few_shot:FewShot",
        "blend": "metier.methods.blend:Blend",
        "lora": "metier.methods.lora:Lora",
        "retrieve": "metier.methods.retrieve:Retrieve",
        "long_context": "metier.methods.long_context:LongContext",
    },
    CHECKERS: {"text": "metier.retrieval.grounding.support:TextChecker"},
}
"""Named here too, so that a source tree without installed metadata has them."""

Factory = Callable[[], object]
"""Imports the implementation and makes one; nothing is imported before it is called."""


def implementations(group: str) -> Mapping[str, Factory]:
    """The implementations of one entry-point group by name, metier's own first.

    Raises ``DataError`` when two installed packages give the same name to different things.
    """
    found = {
        name: EntryPoint(name, value, group) for name, value in BUILT_IN.get(group, {}).items()
    }
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        other = found.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise DataError(
                f"{group}: {entry.name!r} is both {other.value} and {entry.value}; "
                "uninstall one of the two packages"
            )
    return {name: partial(_make, entry) for name, entry in found.items()}


def _make(entry: EntryPoint) -> object:
    return entry.load()()
