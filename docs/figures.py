"""Tables of benchmark results, from the files that the benchmarks write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.recording import flat


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what it says, the key in the result's file, and how to write it."""

    what: str
    key: str
    """With ``.*`` at its end the least of those values; ``what`` then names it: ``{worst}``."""
    form: str = "{:.2f}"
    headline: bool = False
    """Whether the README shows it."""
    at_least: float | None = None
    at_most: float | None = None
    """The target, where there is one."""
    note: str = ""
    """What the figure must not be read without; ``{}`` stands for the values of ``noted``."""
    noted: tuple[str, ...] = ()
    """Keys in the result's file, those of its notes behind ``notes.``."""


_RETRIEVAL_SHOWN = ("squad_en.vector", "squad_en.tuned", "medquad.vector", "medquad.tuned")

_RETRIEVAL_SETS = (
    ("SQuAD questions", "squad_en"),
    ("MedQuAD questions", "medquad"),
    ("what Supreme Court opinions are about", "scotus"),
    ("SQuAD in German", "squad_de"),
    ("SQuAD in Spanish", "squad_es"),
    ("SQuAD in Chinese", "squad_zh"),
    ("German questions, English paragraphs", "squad_de_on_en"),
)

_NEWSGROUPS_TARGETS = {"lora": 0.89, "best": 0.91, "strict.lora": 0.80, "strict.best": 0.83}

FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "newsgroups": (
        *(
            Figure(
                f"20 newsgroups, {cleaning}: {name}",
                *(f"{prefix}{key}.mean", "{:.1%}", key in ("tfidf", "embedding", "lora", "best")),
                at_least=_NEWSGROUPS_TARGETS.get(f"{prefix}{key}"),
                note="LoRA was a candidate in {} of them" if key == "best" else "",
                noted=(f"{prefix}lora.draws",) if key == "best" else (),
            )
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
        Figure(
            "20 newsgroups: whole ladder, minutes", "ladder_minutes", "{:.1f}", True, at_most=15
        ),
    ),
    "train_speed": (
        Figure("LoRA training, tokens per second", "ours.tokens_per_second", "{:.0f}"),
        Figure("the same rows, TRL's defaults", "trl_defaults.tokens_per_second", "{:.0f}"),
        Figure("LoRA training, times as fast as TRL's defaults", "ratio", "{:.1f}", True),
    ),
    "qa_throughput": (
        Figure(
            "docs_to_qa, accepted rows: times a plain loop's",
            "ratio.loop",
            "{:.0f}",
            True,
            at_least=8,
            note="the loop made {} rows, where none counts as 1; {} of metier's {} come from "
            "patterns, without a model; requests alone: {} times",
            noted=(
                "notes.arms.loop.accepted",
                "notes.arms.metier.accepted_from_patterns",
                "notes.arms.metier.accepted",
                "ratio.loop.requests",
            ),
        ),
        Figure(
            "docs_to_qa, accepted rows: times synthetic-data-kit's",
            "ratio.synthetic_data_kit",
            "{:.0f}",
            True,
            at_least=3,
            note="the kit made {} rows, where none counts as 1",
            noted=("notes.arms.synthetic_data_kit.accepted",),
        ),
        Figure("docs_to_qa, accepted rows a minute", "metier.accepted_per_minute", "{:.1f}"),
        Figure("a plain loop's, a minute", "loop.accepted_per_minute", "{:.1f}"),
        Figure("requests alone: times a plain loop's", "ratio.loop.requests", "{:.1f}"),
    ),
    "caselaw": (
        Figure(
            "60 of 548 raw court opinions: accepted questions", "pairs.accepted", "{:,.0f}", True
        ),
        Figure("60 of 548 raw court opinions: rejected questions", "pairs.rejected", "{:,.0f}"),
        Figure(
            "60 of 548 raw court opinions: facts found that have a question",
            "coverage.facts",
            "{:.1%}",
        ),
        Figure("60 of 548 raw court opinions: chunks that have a question", "coverage", "{:.1%}"),
        Figure(
            "60 of 548 raw court opinions: wrong among 100 audited", "audit_error", "{:.1%}", True
        ),
        Figure("held-out opinions: base without documents, exact", "closed-book", "{:.1%}"),
        Figure("held-out opinions: retrieval, exact", "retrieve", "{:.1%}", True),
        Figure("held-out opinions: tuned, exact", "tuned", "{:.1%}", True),
        Figure("held-out opinions: tuned and retrieval, exact", "tuned-retrieve", "{:.1%}", True),
        Figure(
            "548 raw court opinions, 60 asked about: from documents to verdict, minutes",
            "minutes",
            "{:.0f}",
            True,
            at_most=60,
        ),
    ),
    "facts": (
        *(
            Figure(
                f"300 facts tuned into weights: {what}",
                f"tuned.{key}",
                "{:.1%}",
                True,
                at_least=target,
            )
            for what, key, target in (
                ("asked in another style", "new_wordings", 0.95),
                ("in four styles more, which chose nothing", "fresh_wordings", None),
                ("asked in reverse", "reverse", 0.95),
                ("unknown cases left unanswered, by their names", "unknown_abstained", 0.90),
                ("kept of {worst}, the worst suite of {count}", "retention.*", 0.97),
            )
        ),
        Figure(
            "300 facts: unknown cases left unanswered by the weights alone",
            "weights.unknown_abstained",
            "{:.1%}",
            True,
        ),
        Figure("300 facts: minutes of tuning", "minutes", "{:.0f}", at_most=30),
    ),
    "scale_search": (
        Figure(
            "a million passages: 95th percentile of a vector search, ms",
            "p95_ms",
            "{:.0f}",
            True,
            at_most=50,
        ),
        Figure(
            "a million passages: recall of the ten nearest",
            "recall_at_10",
            "{:.1%}",
            True,
            at_least=0.95,
        ),
        Figure("a million passages: memory, GB", "memory_gb"),
        Figure("a million passages: building, seconds", "build_seconds", "{:.0f}"),
        Figure("the same with FAISS: 95th percentile, ms", "faiss.p95_ms", "{:.0f}"),
        Figure("the same with FAISS: recall", "faiss.recall_at_10", "{:.1%}"),
        Figure("with sqlite-vec, exact: 95th percentile, ms", "sqlite_vec.p95_ms", "{:.0f}"),
        Figure("vectors, words and tokens joined: median, ms", "whole.p50_ms", "{:.0f}"),
        Figure("joined: 95th percentile, ms", "whole.p95_ms", "{:.0f}"),
        Figure("a new document is found after, seconds", "whole.new_document_seconds", "{:.1f}"),
        Figure("a scope with a hundredth of them: 95th, ms", "whole.narrow.p95_ms", "{:.0f}"),
    ),
    "ingest": (
        Figure("1 GB of CSV: peak memory, GB", "peak_memory_gb", headline=True, at_most=1.5),
        Figure("1 GB of CSV: rows per second", "rows_per_second", "{:,.0f}"),
        Figure("1 GB of CSV: whole ingest, as a multiple of pandas' reading", "ratio_pandas"),
        Figure("1 GB of CSV: reading alone, the same", "source.ratio_pandas"),
    ),
    "retrieval": (
        *(
            Figure(
                f"{name}: {how}, right passage first",
                *(f"{key}.{part}.recall_at_1", "{:.1%}", f"{key}.{part}" in _RETRIEVAL_SHOWN),
                at_least=0.96 if f"{key}.{part}" == "squad_en.tuned" else None,
            )
            for name, key in _RETRIEVAL_SETS
            for how, part in (
                ("BM25", "bm25"),
                ("vectors", "vector"),
                ("both", "hybrid"),
                ("both with token vectors", "plain_tuned"),
                ("both with token vectors and titles", "tuned"),
            )
        ),
        *(
            Figure(
                f"{name}: joined, ahead of its best part {where}",
                f"{key}.tuned.ahead.recall_at_{depth}",
                "{:+.1%}",
                at_least=0.0,
            )
            for name, key in _RETRIEVAL_SETS
            for where, depth in (("at the first place", 1), ("among the first five", 5))
        ),
    ),
    "embedder_tuning": tuple(
        Figure(f"{name}: {how}, {when} tuning", f"{key}.{part}.{moment}.recall_at_1", "{:.1%}")
        for name, key in (("SQuAD", "squad_en"), ("MedQuAD, 3,000 answers", "medquad"))
        for how, part in (("vectors", "vector"), ("all joined", "joined"))
        for when, moment in (("before", "before"), ("after", "after"))
    ),
    "citations": tuple(
        Figure(f"citations on {name}: {part}", f"{key}.{part}", "{:.1%}", True, at_least=target)
        for name, key in (("SQuAD", "squad"), ("PubMedQA", "pubmedqa"))
        for part, target in (("precision", 0.95), ("recall", 0.85))
    ),
    "abstain": (
        Figure(
            "promised error of 10 % held, resplits of 100", "held_of_100", "{}", True, at_least=95
        ),
        Figure(
            "share answered at that promise",
            "coverage_at_bound",
            "{:.1%}",
            True,
            note="low to high: 95 of 100 resplits",
        ),
    ),
    "parity": (
        Figure(
            "answers over HTTP that are those measured", "identical", "{:.1%}", True, at_least=0.99
        ),
    ),
    "serve_throughput": (
        *(
            Figure(
                f"{who}: tokens per second for {count} clients",
                f"{key}.{count}",
                "{:.0f}",
            )
            for who, key in (
                ("metier", "ours"),
                ("llama.cpp", "peers.llama_cpp"),
                ("transformers serve", "peers.transformers"),
                ("vLLM", "peers.vllm"),
            )
            for count in (1, 8, 32, 64)
        ),
        *(
            Figure(what, key, form, True, at_least=target)
            for what, key, form, target in (
                (
                    "32 clients: times as fast as the best of llama.cpp, transformers serve and "
                    "vLLM",
                    "ratio_best_peer_32",
                    "{:.1f}",
                    1.5,
                ),
                ("known beginning of 2,000 tokens: times sooner", "prefix_speedup", "{:.0f}", 3),
                (
                    "16 adapters mixed: share of the base's speed",
                    "adapters_16_ratio",
                    "{:.0%}",
                    0.8,
                ),
            )
        ),
        Figure(
            "what HTTP costs of the bare engine's speed",
            "gateway_overhead",
            "{:.1%}",
            True,
            at_most=0.05,
        ),
    ),
    "router": tuple(
        Figure(f"router, six trades: {what}", key, "{:.1%}")
        for what, key in (
            ("questions that reach their own specialist", "accuracy"),
            ("questions that reach another's", "misrouted"),
            ("strange questions kept from specialists (Natural Questions)", "strangers.naturalqs"),
            ("right labels, routed", "labelled.routed"),
            ("right labels, routed without abstaining", "labelled.nearest"),
            ("right labels, one classifier for everything", "labelled.one_classifier"),
            ("right answers, routed", "quality.routed"),
            ("right answers, one index for everything", "quality.one_index"),
        )
    ),
    "thinking": tuple(
        Figure(f"135M model, science questions: {how}", f"accuracy.{arm}", "{:.1%}")
        for how, arm in (
            ("answered at once", "plain"),
            ("a draft of up to 96 tokens first", "reasoned"),
            ("three drafts of 32 and a vote", "self_consistency"),
            ("three drafts of 32, refined, a vote", "ensemble_refinement"),
        )
    ),
    "constrained": (
        Figure(
            "fuzzed schemas and enums: valid among those answered",
            "valid_share_of_answered",
            "{:.1%}",
            True,
            at_least=1.0,
        ),
        Figure("fuzzed schemas and enums: answered", "answered", "{}"),
        Figure("refused, the keyword named", "refused_unsupported", "{}"),
        Figure("refused, since no answer fits", "refused_too_short", "{}"),
    ),
    "timeline": (
        Figure(
            "as-of questions: the right version first",
            "retrieval_as_of",
            "{:.1%}",
            True,
            at_least=1.0,
        ),
        Figure("the same without linking names", "retrieval_day_without_linking", "{:.1%}"),
        Figure("as-of questions: right answers, fields read", "answer_as_of", "{:.1%}"),
        Figure("as-of questions: the same with the right passage", "oracle", "{:.1%}"),
        Figure(
            "names of threat actors resolved", "alias_resolution", "{:.1%}", True, at_least=0.98
        ),
    ),
    "demo": (Figure("`make demo` after installing, minutes", "minutes", "{:.1f}", at_most=10),),
    "import": (
        Figure("`import metier`, seconds", "import_metier.seconds", headline=True, at_most=0.5),
        Figure("`metier --help`, seconds", "help.seconds", at_most=0.5),
    ),
}
"""By benchmark, in the tables' order; a result that is not there is left out."""
HEAD = ("| figure | value | low to high | target | of |", "|---|---|---|---|---|")
COUNTS = {"n": "items", "items": "items", "draws": "draws", "runs": "runs", "rows": "rows"}
"""Keys that say how much stands behind a figure, its own or the file's."""


def headlines(results: Path, *, link: str) -> str:
    """A Markdown table of the headline figures, and what they were measured on."""
    rows, machines = [], []
    for name in FIGURES:
        content = _content(results, name)
        rows += [_row(one, link, name) for one in _found(name, content) if one.figure.headline]
        machines += [content["hardware"]] if content else []
    told = f"Measured on {'; or on '.join(dict.fromkeys(machines))}."
    return "\n".join([*HEAD, *rows, "", told]) if rows else "No results yet."


def every_figure(results: Path, *, link: str) -> str:
    """A Markdown section for each benchmark: its table, when and on what it was measured."""
    return "\n\n".join(
        "\n".join([f"## {name}", "", _origin(name, content), "", *HEAD, *rows])
        for name in FIGURES
        if (content := _content(results, name))
        and (rows := [_row(one, link, name) for one in _found(name, content)])
    )


@dataclass(frozen=True, slots=True)
class _Found:
    figure: Figure
    value: str
    bounds: str
    target: str
    of: str


def _content(results: Path, name: str) -> Mapping[str, Any]:
    file = results / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _origin(name: str, content: Mapping[str, Any]) -> str:
    told = [content["hardware"], f"commit {content['commit']}", str(content["created"])[:10]]
    return f"`make bench-{name}`. Measured on {', '.join(told)}."


def _found(name: str, content: Mapping[str, Any]) -> Iterator[_Found]:
    values = dict(content.get("figures", {})) | dict(flat(content.get("notes", {}), "notes."))
    for given in FIGURES[name]:
        figure = _worst(given, values) if given.key.endswith(".*") else given
        if values.get(figure.key) is None:
            continue
        stem = figure.key
        if f"{stem}.low" not in values:  # it stands beside the figure, not below it
            stem = stem.removesuffix(".mean").removesuffix(".recall_at_1")
        ends = [values.get(f"{stem}.{end}") for end in ("low", "high")]
        bounds = " to ".join(figure.form.format(end) for end in ends if end is not None)
        value = values[figure.key]
        note = figure.note.format(*(values.get(key) for key in figure.noted))
        of = "; ".join(told for told in (_counts(stem, values), note) if told)
        yield _Found(figure, figure.form.format(value), bounds, _target(figure, value), of)


def _worst(figure: Figure, values: Mapping[str, Any]) -> Figure:
    """The least of the values below one key, named in the line."""
    stem = figure.key.removesuffix("*")
    parts = {
        part: value
        for key, value in values.items()
        if (part := key.removeprefix(stem)) != key and "." not in part
    }
    if not parts:
        return figure
    worst = min(parts, key=lambda part: parts[part])
    what = figure.what.format(worst=worst, count=len(parts))
    return replace(figure, key=f"{stem}{worst}", what=what)


def _target(figure: Figure, value: float) -> str:
    """The target as it is written, and whether the value misses it."""
    if figure.at_least is not None:
        sign, target, missed = "≥", figure.at_least, value < figure.at_least
    elif figure.at_most is not None:
        sign, target, missed = "≤", figure.at_most, value > figure.at_most
    else:
        return ""
    written = f"{target:.0%}" if "%" in figure.form else f"{target:g}"
    return f"{sign} {written}" + (", missed" if missed else "")


def _row(found: _Found, link: str, name: str) -> str:
    value = f"[{found.value}]({link}/{name}.json)"
    cells = (found.figure.what, value, found.bounds, found.target, found.of)
    return f"| {' | '.join(cells)} |"


def _counts(stem: str, values: Mapping[str, Any]) -> str:
    for prefix in (f"{stem}.", f"{stem.partition('.')[0]}.", ""):
        known = [(values.get(f"{prefix}{key}"), word) for key, word in COUNTS.items()]
        told = [
            f"{count:,.0f} {word if count != 1 else word.removesuffix('s')}"
            for count, word in known
            if count is not None
        ]
        if told:
            return ", ".join(told)
    return ""
