"""Declarative cleaning: named steps with options that keep the way back to the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches

from metier.corpus.edits import Draft, Edit, Step, apply_edits, first_draft, in_order
from metier.corpus.steps import STEPS
from metier.errors import DataError
from metier.types import CleanDocument, Document, Json


def clean(document: Document, steps: Sequence[Step]) -> CleanDocument:
    """The document after all steps, with pieces that map it exactly to its source text.

    Personal data that a step replaced is still in ``source_text`` and ``removed``: publish the
    ``text``, not the corpus.
    """
    return clean_counted(document, steps).document


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned document and how many characters each step that changed it took out."""

    document: CleanDocument
    taken: Mapping[str, int]


def clean_counted(document: Document, steps: Sequence[Step]) -> Cleaned:
    """``clean``, with the counts that an ingest reports."""
    draft = first_draft(document)
    removed: dict[str, str] = {}
    counts: dict[str, int] = {}
    for step in steps:
        edits = in_order(draft.text, step.edits(draft))
        if not edits:
            continue
        stretches = _taken(draft, edits)
        draft = apply_edits(draft, edits)
        counts[step.name] = counts.get(step.name, 0) + sum(map(len, stretches))
        taken = "\n".join(stretches)
        if taken and not taken.isspace():
            earlier = removed.get(step.name)
            removed[step.name] = taken if earlier is None else f"{earlier}\n{taken}"
    cleaned = CleanDocument(
        id=document.id,
        text=draft.text,
        source_text=document.text,
        pieces=draft.pieces,
        title=document.title,
        uri=document.uri,
        metadata=document.metadata,
        regions=document.regions,
        removed=removed,
    )
    return Cleaned(cleaned, counts)


@dataclass(frozen=True, slots=True)
class StepPreview:
    """What one step does to one document."""

    step: str
    before: str
    after: str
    taken: tuple[str, ...]
    """Every stretch that it deleted or replaced, in order."""


def preview(document: Document, steps: Sequence[Step]) -> list[StepPreview]:
    """The text before and after each step, for a person to look at."""
    draft = first_draft(document)
    previews = []
    for step in steps:
        edits = in_order(draft.text, step.edits(draft))
        after = apply_edits(draft, edits)
        previews.append(StepPreview(step.name, draft.text, after.text, _taken(draft, edits)))
        draft = after
    return previews


def make_step(name: str, options: Mapping[str, Json] | None = None) -> Step:
    """The step of that name, its options checked; ``make_step("mail_headers", {"keep": []})``."""
    kind = STEPS.get(name)
    if kind is None:
        raise DataError(f'there is no cleaning step "{name}"; {_nearest(name, list(STEPS))}')
    defaults = {field.name: field.default for field in fields(kind)}
    values: dict[str, Json] = {}
    for option, value in (options or {}).items():
        if option not in defaults:
            hint = _nearest(option, list(defaults)) if defaults else "it has no options"
            raise DataError(f'cleaning step "{name}" has no option "{option}"; {hint}')
        values[option] = _as_type_of(defaults[option], value, f'"{option}" of step "{name}"')
    step: Step = kind(**values)
    return step


def _taken(draft: Draft, edits: Sequence[Edit]) -> tuple[str, ...]:
    return tuple(draft.text[edit.start : edit.end] for edit in edits)


def _as_type_of(default: object, value: Json, what: str) -> Json:
    if isinstance(default, tuple):
        if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise DataError(f"{what} must be a list of strings, not {value!r}")
    if type(value) is not type(default):
        raise DataError(f"{what} must be {type(default).__name__}, not {value!r}")
    return value


def _nearest(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f'did you mean "{near[0]}"?' if near else f"choose from {', '.join(sorted(known))}"
