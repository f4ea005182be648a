"""The README's table of benchmark results, from the files that the benchmarks write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what it says, the key in the result's file, and how to write it."""

    what: str
    key: str
    form: str = "{:.2f}"


FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "newsgroups": (
        *(
            Figure(f"20 newsgroups, {cleaning}: {name}", f"{prefix}{key}.mean", "{:.1%}")
            for cleaning, prefix in (("lab's cleaning", ""), ("strict cleaning", "strict."))
            for name, key in (
                ("zero-shot accuracy", "zero_shot"),
                ("TF-IDF accuracy", "tfidf"),
                ("embedding accuracy", "embedding"),
                ("LoRA accuracy", "lora"),
                ("blend of TF-IDF and embedding", "blend"),
                ("blend with LoRA", "blend_lora"),
                ("the rung chosen on dev", "best"),
            )
        ),
        Figure("20 newsgroups: whole ladder, minutes", "ladder_minutes", "{:.1f}"),
    ),
    "train_speed": (
        Figure("LoRA training, tokens per second", "ours.tokens_per_second", "{:.0f}"),
        Figure("the same rows, TRL's defaults", "trl_defaults.tokens_per_second", "{:.0f}"),
        Figure("times as fast as TRL's defaults", "ratio", "{:.1f}"),
    ),
    "ingest": (
        Figure("1 GB of CSV: peak memory, GB", "peak_memory_gb"),
        Figure("1 GB of CSV: rows per second", "rows_per_second", "{:,.0f}"),
        Figure("1 GB of CSV: whole ingest, as a multiple of pandas' reading", "ratio_pandas"),
        Figure("1 GB of CSV: reading alone, the same", "source.ratio_pandas"),
    ),
    "retrieval": tuple(
        Figure(f"{name}: {how}, right passage first", f"{key}.{part}.recall_at_1", "{:.1%}")
        for name, key in (("SQuAD questions", "squad_en"), ("MedQuAD questions", "medquad"))
        for how, part in (
            ("BM25", "bm25"),
            ("vectors", "vector"),
            ("both", "hybrid"),
            ("both with token vectors and titles", "tuned"),
        )
    ),
    "citations": tuple(
        Figure(f"citations on {name}: {what}", f"{key}.{part}.value", "{:.1%}")
        for name, key in (("SQuAD", "squad"), ("PubMedQA", "pubmedqa"))
        for what, part in (("precision", "precision"), ("recall", "recall"))
    ),
    "abstain": (
        Figure("promised error of 10 % held, resplits of 100", "held_of_100", "{}"),
        Figure("share answered at that promise", "coverage_at_bound", "{:.1%}"),
    ),
    "parity": (Figure("answers over HTTP that are those measured", "identical", "{:.1%}"),),
    "router": tuple(
        Figure(f"router, six trades: {what}", f"{key}.value", "{:.1%}")
        for what, key in (
            ("questions that reach their own specialist", "accuracy"),
            ("that reach another's", "misrouted"),
            ("strange questions kept from specialists (Natural Questions)", "strangers.naturalqs"),
            ("right labels, routed", "labelled.routed"),
            ("right labels, routed without abstaining", "labelled.nearest"),
            ("right labels, one classifier for everything", "labelled.one_classifier"),
            ("right answers, routed", "quality.routed"),
            ("right answers, one index for everything", "quality.one_index"),
        )
    ),
    "thinking": tuple(
        Figure(f"135M model, science questions: {how}", f"accuracy.{arm}.value", "{:.1%}")
        for how, arm in (
            ("answered at once", "plain"),
            ("a draft of up to 96 tokens first", "reasoned"),
            ("three drafts of 32 and a vote", "self_consistency"),
            ("three drafts of 32, refined, a vote", "ensemble_refinement"),
        )
    ),
    "timeline": (
        Figure("as-of questions: the right version first", "retrieval_as_of", "{:.1%}"),
        Figure("the same without linking names", "retrieval_day_without_linking", "{:.1%}"),
        Figure("as-of questions: right answers, fields read", "answer_as_of", "{:.1%}"),
        Figure("as-of questions: the same with the right passage", "oracle", "{:.1%}"),
        Figure("names of threat actors resolved", "alias_resolution", "{:.1%}"),
    ),
    "import": (
        Figure("`import metier`, seconds", "import_metier.seconds"),
        Figure("`metier --help`, seconds", "help.seconds"),
    ),
}
"""By benchmark, in the README's order; a result that is not there is left out."""
COUNTS = {"n": "items", "items": "items", "draws": "draws", "runs": "runs", "rows": "rows"}
"""Keys that say how much stands behind a figure, its own or the file's."""


def benchmarks(results: Path, *, link: str) -> str:
    """A Markdown table with a row per figure that stands in ``results``."""
    rows = [row for name in FIGURES for row in _rows(name, results, link)]
    head = ["| figure | value | low to high | of | measured on |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else "No results yet."


def _rows(name: str, results: Path, link: str) -> Iterator[str]:
    file = results / f"{name}.json"
    if not file.exists():
        return
    content = json.loads(file.read_text(encoding="utf-8"))
    values = dict(_flat(content.get("figures", content)))
    for figure in FIGURES[name]:
        if figure.key not in values:
            continue
        stem = figure.key
        for part in (".mean", ".value", ".recall_at_1"):
            stem = stem.removesuffix(part)
        bounds = [values.get(f"{stem}.{end}") for end in ("low", "high")]
        written = [figure.form.format(bound) for bound in bounds if bound is not None]
        value = figure.form.format(values[figure.key])
        yield (
            f"| {figure.what} | [{value}]({link}/{name}.json) "
            f"| {' to '.join(written)} | {_counts(stem, values)} | {content['hardware']} |"
        )


def _counts(stem: str, values: Mapping[str, Any]) -> str:
    for prefix in (f"{stem}.", f"{stem.partition('.')[0]}.", ""):
        known = [(values.get(f"{prefix}{key}"), word) for key, word in COUNTS.items()]
        told = [f"{count:,.0f} {word}" for count, word in known if count is not None]
        if told:
            return ", ".join(told)
    return ""


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted keys."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
