"""Looks passages up for each question and lets the base model, or a tuned one, read them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from metier.errors import DataError
from metier.methods import candidate as candidates
from metier.methods import on_dev
from metier.methods.few_shot import SHOTS, Shot, balanced
from metier.methods.fields import Fields
from metier.methods.files import read_json, write_json
from metier.methods.grounded import GroundedAnswerer
from metier.methods.looked_up import DEFAULTS, GUIDE, INDEX, build_store, open_store, write_guide
from metier.methods.reader import adapter_seconds, check_adapter, copy_adapter, open_reader
from metier.protocols import Corpus, FitContext, Models
from metier.retrieval.authority.dates import iso_date
from metier.retrieval.grounding.checkers import support_checker
from metier.types import Candidate, Json

POLICIES = ("flag", "drop", "keep")
_SHOT_TOKENS = 128
_LEAST = {
    "k": 1,
    "passage_tokens": 16,
    "shots": 0,
    "written_questions": 0,
    "rerank_depth": 1,
    "parent_characters": 0,
}


class Retrieve:
    """Retrieval with a reader.

    The ``k`` best passages stand before the question, each cut at ``passage_tokens``. ``shots``
    training examples come first as turns of their own. ``adapter`` names a tuned rung above this
    one, whose adapter reads instead of the base alone, and without ``shots``. The store is copied
    into the candidate, so that it answers elsewhere. A small model minds distractors: more
    passages are not better.

    ``name_columns`` hold the names of the entity that a document is about, and ``names`` is a file
    of further ones (CSV or JSON Lines with ``alias``, ``canonical`` and, if there is, ``kind``): a
    question that uses one finds what is about that entity. Where the documents have dates, it finds
    what held on the day that it names, ``releases`` giving names their days
    (``{ v12 = "2022-10-25" }``). ``tiers`` are asked in this order; on one entity their passages
    must agree in ``agree_in``, or the higher's is taken.

    ``parent_characters`` above 0 gives the reader the section around each found passage, at most so
    long; ``passage_tokens`` should have room for it. ``reranker`` names a cross-encoder, or a
    language model that is asked yes or no, which puts the best ``rerank_depth`` in order.
    ``written_questions`` above 0 has the base write a question about each of so many passages and
    tunes the embedder on them; it is kept where it finds more of held-out documents.

    ``fields`` says which words of a question ask for which field of a document
    (``{ country = "country|based in", name = "called|names?" }``, the broadest last): the answer is
    then the best passage's value, exactly as the table has it, without a model.

    Every written answer is checked against the passages: ``unsupported`` says what becomes of a
    sentence that none supports (``flag``, ``drop`` or ``keep``), and ``checker`` names who judges:
    ``text``, or one that an installed package has in ``metier.checkers``. ``calibrate`` has the dev
    questions set how the checker's confidence is shown, so that of answers at 0.8 about four of
    five are right. ``most_error`` above 0 promises that at most this share of the given answers is
    wrong: the dev questions set the confidence below which it abstains
    (``metier.retrieval.grounding.abstain``).

    ``dynamic_threshold`` above 0 has the dev questions teach which questions need the documents:
    those that the model gets right behind passages alone. A question below that probability is
    asked without passages, and its answer says so.
    """

    name = "retrieve"
    defaults: Mapping[str, Json] = {
        "k": 3,
        "passage_tokens": 256,
        "shots": 0,
        "adapter": "",
        "label_list": True,
        "role": True,
        "constrained": True,
        **DEFAULTS,
        "unsupported": "flag",
        "checker": "text",
        "fields": {},
        **on_dev.DEFAULTS,
    }

    def fit(self, rung: str, context: FitContext) -> Candidate:
        """Build the store from ``context.corpus``; keep shots and adapter beside it.

        Raises ``DataError`` for settings that cannot be, and without a corpus.
        """
        started = time.perf_counter()
        corpus = corpus_of(rung, context)
        _check(rung, context)
        store = build_store(corpus, context)
        rows = balanced(context.train, context.settings["shots"], seed=context.seed)
        write_guide(corpus, context)
        files = [INDEX, GUIDE]
        if rows:
            model = context.models.language_model(context.base)
            shots = [
                Shot(row.id, model.truncate(row.input, _SHOT_TOKENS), row.target, row.tenant)
                for row in rows
            ]
            write_json(context.workdir / SHOTS, {"shots": [asdict(shot) for shot in shots]})
            files.append(SHOTS)
        fitted = Candidate(
            rung=rung,
            method=self.name,
            task=context.task,
            settings={
                **context.settings,
                "embedder": context.embedder,
                "store_seconds": store.seconds,
            },
            base=context.base,
            files=(*files, *copy_adapter(context)),
            train_examples=tuple(row.id for row in rows),
            trials=store.tuning,
            seed=context.seed,
        )
        if on_dev.asks_dev(fitted.settings):
            reader = self.load(fitted, context.workdir, context.models)
            fitted = on_dev.set_on_dev(fitted, reader, context)
        taken_over = adapter_seconds(context) + (store.seconds if store.copied else 0.0)
        fitted = candidates.timed(fitted, started, taken_over=taken_over)
        candidates.save(fitted, context.workdir)
        return fitted

    def load(self, candidate: Candidate, directory: Path, models: Models) -> GroundedAnswerer:
        """The reader over the candidate's own store."""
        store = open_store(candidate, directory, models)
        shots: list[Shot] = []
        if candidate.settings["shots"]:
            shots = [Shot(**shot) for shot in read_json(directory / SHOTS)["shots"]]
        return GroundedAnswerer(open_reader(candidate, directory, models), candidate, store, shots)


def corpus_of(rung: str, context: FitContext) -> Corpus:
    """The corpus to look things up in; ``DataError`` when there is none."""
    if context.corpus is None or not len(context.corpus):
        raise DataError(
            f"rung {rung!r}: there is no document to look anything up in; add a source whose "
            "documents are not all test items, or leave the rung out"
        )
    return context.corpus


def _check(rung: str, context: FitContext) -> None:
    settings = context.settings
    for name, least in _LEAST.items():
        if settings[name] < least:
            raise DataError(f"rung {rung!r}: {name} = {settings[name]}; use {least} or more")
    if settings["shots"] > len(context.train):
        raise DataError(
            f"rung {rung!r}: shots = {settings['shots']}, but there are {len(context.train)} "
            "training rows to show; lower it, or add rows"
        )
    _check_answers(rung, context)
    on_dev.check(rung, context)
    check_adapter(rung, context)
    if settings["adapter"] and settings["shots"]:
        raise DataError(
            f"rung {rung!r}: shots = {settings['shots']} with adapter = {settings['adapter']!r}, "
            "but a tuned model is asked as it was tuned, without solved examples; set shots = 0, "
            "or leave adapter out"
        )


def _check_answers(rung: str, context: FitContext) -> None:
    """What checks answers, and what gives them without a model."""
    settings = context.settings
    if settings["unsupported"] not in POLICIES:
        raise DataError(
            f"rung {rung!r}: unsupported = {settings['unsupported']!r} is none of "
            f"{', '.join(POLICIES)}"
        )
    if settings["fields"] and context.task.kind == "classification":
        raise DataError(f"rung {rung!r}: fields answer in words, not in labels; leave them out")
    try:
        support_checker(settings["checker"])
        Fields(settings["fields"])
    except DataError as error:
        raise DataError(f"rung {rung!r}: {error}") from error
    _check_releases(rung, settings["releases"])


def _check_releases(rung: str, releases: Mapping[str, str]) -> None:
    for name, day in releases.items():
        try:
            iso_date(day)
        except DataError as error:
            raise DataError(f"rung {rung!r}: releases: {name}: {error}") from None
