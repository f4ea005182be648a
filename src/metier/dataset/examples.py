"""Examples of a labelled task, made from a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from difflib import get_close_matches

from metier.errors import DataError, EmptyStageError
from metier.protocols import Corpus
from metier.types import CleanDocument, Example, Json, Span

_DEFAULT_TEMPLATE = "{text}"


def examples_from(
    corpus: Corpus, *, label: str, group: str | None = None, input_template: str | None = None
) -> list[Example]:
    """One example per document: its cleaned text, and ``metadata[label]`` as the target.

    ``group`` names the metadata entry (author, patient, case) whose value must not cross splits;
    without it each document is its own group. ``input_template`` may use ``{text}``, ``{title}``
    and any metadata entry but the label. Documents without a label are left out.
    """
    template = _DEFAULT_TEMPLATE if input_template is None else input_template
    if f"{{{label}}}" in template:
        raise DataError(f'the input template shows the label: take "{{{label}}}" out of it')
    examples = []
    dropped: Counter[str] = Counter()
    for document in corpus.documents():
        _check_entries(document, [label] if group is None else [label, group])
        target = _as_text(document.metadata[label])
        if not target:
            dropped[f'no value in "{label}"'] += 1
            continue
        examples.append(
            Example(
                id=document.id,
                input=_fill(template, document),
                target=target,
                group=document.id if group is None else _group(document, group),
                evidence=(_whole(document),),
                origin=document.id,
                metadata=document.metadata,
            )
        )
    if not examples:
        raise EmptyStageError("making examples", dropped)
    return examples


def _check_entries(document: CleanDocument, keys: list[str]) -> None:
    for key in keys:
        if key not in document.metadata:
            near = get_close_matches(key, list(document.metadata), n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"it has {_listed(document.metadata)}"
            raise DataError(f'document "{document.id}" ({document.uri}) has no "{key}"; {hint}')


def _listed(metadata: Mapping[str, Json]) -> str:
    return ", ".join(sorted(metadata)) or "no metadata"


def _as_text(value: Json) -> str:
    return "" if value is None else str(value).strip()


def _group(document: CleanDocument, key: str) -> str:
    """A document without a value is its own group: strangers need not stay together."""
    return _as_text(document.metadata[key]) or document.id


def _fill(template: str, document: CleanDocument) -> str:
    if template == _DEFAULT_TEMPLATE:
        return document.text
    entries = {**document.metadata, "title": document.title, "text": document.text}
    try:
        return template.format_map(entries).strip()
    except (KeyError, IndexError, ValueError) as error:
        raise DataError(
            f"the input template {template!r} does not fit document {document.id!r}: {error}; it "
            f"may use {{text}}, {{title}}, {_listed(document.metadata)}"
        ) from error


def _whole(document: CleanDocument) -> Span:
    return Span(document.id, 0, len(document.source_text))
