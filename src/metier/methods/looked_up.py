"""The store that a retrieving rung looks things up in: built, tuned where asked, and opened."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from metier import serial
from metier.errors import DataError
from metier.models.names.resolve import resolve
from metier.protocols import Corpus, FitContext, Models, Retriever
from metier.retrieval.authority.aliases import read_aliases
from metier.retrieval.authority.guide_file import NewestGuide
from metier.retrieval.authority.guided import guide_of, guided, telling
from metier.retrieval.parents import ParentRetriever
from metier.retrieval.relabel import lessons
from metier.retrieval.rerank import RerankedRetriever, YesOrNo
from metier.retrieval.store.build import ADAPTER, build_index, copy_index, open_index
from metier.retrieval.store.index import Index
from metier.retrieval.store.passages import passages
from metier.retrieval.written import Written, written_questions
from metier.store import write_text
from metier.types import Alias, Candidate, Example, Guide, Json, Passage

INDEX, GUIDE = "index", "guide.json"
DEFAULTS: dict[str, Json] = {
    "written_questions": 0,
    "name_columns": [],
    "names": "",
    "releases": {},
    "tiers": [],
    "agree_in": [],
    "reranker": "",
    "rerank_depth": 20,
    "parent_characters": 0,
}
"""The settings of a rung that are about its store; see ``Retrieve``."""


@dataclass(frozen=True, slots=True)
class Built:
    """What making a store came to."""

    seconds: float
    """Of making it, also where it was copied."""
    copied: bool = False
    """Whether another rung spent them."""
    tuning: tuple[Json, ...] = ()
    """What tuning its embedder came to, if asked."""


def build_store(corpus: Corpus, context: FitContext) -> Built:
    """The corpus as a store in the rung's folder.

    Where a rung above this one has made the same store, it is copied.
    """
    started = time.perf_counter()
    count = int(context.settings["written_questions"])
    made = _made_already(context)
    if made is not None:
        candidate, directory = made
        copy_index(directory / INDEX, context.workdir / INDEX)
        seconds = float(candidate.settings.get("store_seconds", 0.0))
        return Built(seconds, copied=True, tuning=candidate.trials[:1] if count else ())
    weights = resolve(context.embedder) if count else None  # before any work: they may be missing
    embedder = context.models.embedder(context.embedder)
    folder = context.workdir / INDEX
    index = build_index(folder, corpus, embedder, seed=context.seed, progress=context.progress)
    tuning = () if weights is None else (_tuned(index, weights, corpus, context),)
    return Built(time.perf_counter() - started, tuning=tuning)


def write_guide(corpus: Corpus, context: FitContext) -> None:
    """What the corpus and the file ``names`` say of entities and days, beside the store."""
    columns, file = context.settings["name_columns"], str(context.settings["names"])
    known: list[Alias] = []
    if file:
        path = context.folder / Path(file).expanduser()
        known = list(read_aliases(path))
        if not known:
            raise DataError(f"{path} has no name in it; fill it, or leave `names` out")
    write_text(context.workdir / GUIDE, serial.dump(guide_of(corpus, columns, known)))


def open_store(candidate: Candidate, directory: Path, models: Models) -> Retriever:
    """The store as the candidate's settings have it asked."""
    settings = candidate.settings
    index = open_index(directory / INDEX, models)
    store: Retriever = index
    name, depth = str(settings.get("reranker", "")), 0
    if name:
        # Inside of each tier: it reads what a question is about, not whose word is the last.
        reranker = models.cross_encoder(name) or YesOrNo(models.language_model(name))
        depth = int(settings["rerank_depth"])
        store = RerankedRetriever(store, reranker, depth=depth)
    tiers, agree_in = settings["tiers"], settings["agree_in"]
    releases = settings.get("releases") or {}
    wide = int(settings.get("parent_characters", 0))

    def led_by(guide: Guide) -> Retriever:
        found = guided(store, guide, tiers, agree_in, depth=depth, releases=releases)
        if wide:
            found = ParentRetriever(found, index, characters=wide)
        return telling(found, guide, releases)

    return NewestGuide(directory / GUIDE, led_by)


def _made_already(context: FitContext) -> tuple[Candidate, Path] | None:
    """A rung above with a store of the same corpus, made under the same settings and seed."""
    wanted = (context.settings["written_questions"], context.embedder, context.seed)
    for candidate, directory in context.fitted.values():
        settings = candidate.settings
        theirs = (settings.get("written_questions"), settings.get("embedder"), candidate.seed)
        if INDEX in candidate.files and theirs == wanted:
            return candidate, directory
    return None


def _tuned(index: Index, weights: Path, corpus: Corpus, context: FitContext) -> Json:
    """Tune the embedder on questions written from the passages, and rebuild the store with it.

    What does not find more on held-out documents is thrown away, and the store stays as it is.
    """
    from metier.methods.tuning.embedder_tuning import EmbedderTuning, tune_embedder

    all_passages = list(passages(corpus))
    written = [
        *written_questions(
            all_passages,
            count=int(context.settings["written_questions"]),
            model=context.models.language_model(context.base),
            seed=context.seed,
            progress=context.progress,
        ),
        *_asked_in_training(context.train, all_passages),
    ]
    tuned = tune_embedder(
        weights,
        lessons(index, written),
        context.workdir / ADAPTER,
        tuning=EmbedderTuning(headers=index.settings.headers, seed=context.seed),
        progress=context.progress,
    )
    if tuned.helps:
        after = context.models.embedder(context.embedder, adapter=tuned.adapter)
        build_index(index.path, corpus, after, seed=context.seed, progress=context.progress)
        shutil.copytree(tuned.adapter, index.path / ADAPTER)
    shutil.rmtree(tuned.adapter)
    told: Json = asdict(tuned) | {"adapter": "kept" if tuned.helps else "dropped"}
    return told


def _asked_in_training(rows: Sequence[Example], found: Sequence[Passage]) -> Iterable[Written]:
    """Training questions with the passage that holds their evidence."""
    by_document: dict[str, list[Passage]] = {}
    for passage in found:
        by_document.setdefault(passage.document, []).append(passage)
    for row in rows:
        for span in row.evidence[:1]:
            for passage in by_document.get(span.document, ()):
                place = passage.chunk.source
                if place.start <= span.start and span.end <= place.end:
                    yield Written(row.input, passage, "person")
                    break
