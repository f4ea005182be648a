"""Examples of a labelled task, made from a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from metier.dataset.right_answers import right_answers
from metier.errors import DataError, EmptyStageError
from metier.protocols import Corpus
from metier.types import CleanDocument, Example, Json, Span, TaskKind


def examples_from(
    corpus: Corpus, *, label: str, kind: TaskKind = "classification", group: str | None = None
) -> list[Example]:
    """One example per document: its cleaned text, and ``metadata[label]`` as the target.

    ``group`` names the metadata entry (author, patient, case) whose value must not cross splits;
    without it each document is its own group. Where several answers are given (``right_answers``)
    the first is the target and the others are aliases. Documents without a label are left out.
    Raises ``DataError`` for a column that no document has, and for several labels of one document.
    """
    examples = []
    dropped: Counter[str] = Counter()
    lacking = {key: None for key in (label, group) if key is not None}
    first: CleanDocument | None = None
    for document in corpus.documents():
        first = first or document
        for key in lacking.keys() & document.metadata.keys():
            del lacking[key]
        answers = right_answers(document.metadata.get(label))
        if not answers:
            dropped[f'no value in "{label}"'] += 1
            continue
        if kind == "classification" and len(answers) > 1:
            raise DataError(_several(document, label, answers))
        examples.append(
            Example(
                id=document.id,
                input=document.text,
                target=answers[0],
                group=document.id if group is None else _group(document, group),
                evidence=(_whole(document),),
                origin=document.id,
                metadata=document.metadata,
                aliases=answers[1:],
            )
        )
    if first is not None and lacking:
        raise DataError(_no_entry(first, next(iter(lacking))))
    if not examples:
        raise EmptyStageError("making examples", dropped)
    return examples


def _no_entry(document: CleanDocument, key: str) -> str:
    near = get_close_matches(key, list(document.metadata), n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"it has {_listed(document.metadata)}"
    return f'document "{document.id}" ({document.uri}), as all others, has no "{key}"; {hint}'


def _listed(metadata: Mapping[str, Json]) -> str:
    return ", ".join(sorted(metadata)) or "no metadata"


def _several(document: CleanDocument, label: str, labels: Sequence[str]) -> str:
    return (
        f'document "{document.id}" ({document.uri}) has {len(labels)} labels in "{label}", '
        f"{', '.join(labels[:3])}; classification gives a text one label: choose another column, "
        'or kind = "short_answer", where any of them is right'
    )


def _group(document: CleanDocument, key: str) -> str:
    """A document without a value is its own group: strangers need not stay together."""
    value = document.metadata.get(key)
    return ("" if value is None else str(value).strip()) or document.id


def _whole(document: CleanDocument) -> Span:
    return Span(document.id, 0, len(document.source_text))
