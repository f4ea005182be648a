"""Recall of each search and of all joined, on questions that people wrote.

``python -m benchmarks.retrieval`` embeds what it has not kept yet (about 25 minutes on two cores
for MedQuAD), then measures every set of ``--sets`` and keeps the figures of the others. Per set:

    bm25, vector   one search alone, on the passages' own text
    hybrid         both, weighted by what the passages teach (``Index.learn_weights``)
    plain_tuned    with the token vectors as a third part
    titled         the same three searches under the passages' titles, with the default weights
    tuned          under titles, weight learnt: what a store of metier does

``ARM.ahead`` says how far a joined search is ahead of the best of its own parts, at rank 1 and
among the first five, with the paired test's interval and p: joining is never to be behind.

No arm learns from a question that it is asked. The defaults of ``SearchSettings`` were chosen by
people's questions, though: the weights on 3,000 other questions of MedQuAD, and by looking at all
of squad_en (``LIMITS``). ``low`` and ``high`` are Wilson's 95 % interval of recall at 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kept_vectors import KeptVectors
from benchmarks.recording import kept, record
from benchmarks.retrieval_sets import Asked, Set, medquad, scotus, squad
from metier.models.registry import LocalModels
from metier.protocols import TokenEmbedder
from metier.retrieval.store.encoding import encode_texts
from metier.retrieval.store.fuse import joined_scores
from metier.retrieval.store.index import Index, batches
from metier.retrieval.store.search import Candidates, Question, candidates, ordered, weights
from metier.retrieval.store.table import open_table
from metier.retrieval.store.words import terms
from metier.stats import paired_difference, proportion
from metier.types import Json, SearchSettings

LANGUAGES = {"squad_en": "en", "squad_de": "de", "squad_es": "es", "squad_zh": "zh"}
SETS = (*LANGUAGES, "squad_de_on_en", "medquad", "scotus")
VECTOR = SearchSettings(vector=1.0, text=0.0, tokens=0.0)
BM25 = SearchSettings(vector=0.0, text=1.0, tokens=0.0)
TOKENS = SearchSettings(vector=0.0, text=0.0, tokens=1.0)
PARTS = {"vector": VECTOR, "text": BM25, "tokens": TOKENS}

LIMITS = (
    "The default weights were chosen on 3,000 dev questions of MedQuAD and by looking at squad_en "
    "(all of it, it has no dev part), so squad_en's figures are not of questions unseen; MedQuAD's "
    "4,000 questions of the figures are others, over all 12,110 answers. The German, Spanish and "
    "Chinese sets, and scotus, chose no weight; that what is learnt is not to be behind the best "
    "part alone was added after a look at Chinese. The two searches joined (`hybrid`) are behind "
    "BM25 alone at rank 1 in German and Chinese, by less than their intervals (the embedder reads "
    "English); with token vectors, titles and learnt weights (`tuned`) German is ahead and Chinese "
    "level. With the default weights, not learnt (`titled`), a language that the embedder does not "
    "read loses much. "
    "On scotus the joined search with token vectors finds 0.9853 at rank 5 and BM25 0.9926, one "
    "question of 136. Tuning the embedder itself lowered plain vectors on both sets where it "
    "was tried (`embedder_tuning`): MedQuAD by 7.7 points, squad_en by 2.2."
)


def main() -> None:
    """Measure the sets asked for; keep the figures of the others."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/retrieval"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--embedder", default="all-MiniLM-L6-v2")
    parser.add_argument("--questions", type=int, default=4000, help="of MedQuAD")
    parser.add_argument("--answers", type=int, default=12_110, help="of MedQuAD")
    options = parser.parse_args()
    model = LocalModels().embedder(options.embedder)
    assert isinstance(model, TokenEmbedder)
    embedder = KeptVectors(model, options.work / "vectors.sqlite")
    for name in options.sets.split(","):
        chosen = load(name, options.data, options.questions, options.answers)
        measured, weights = measure(chosen, embedder, options.work / name)
        figures, notes = kept("retrieval")
        figures = {key: one for key, one in figures.items() if not key.startswith(f"{name}.")}
        figures |= {f"{name}.{key}": value for key, value in measured.items()}
        notes |= {
            name: weights,
            "about": __doc__,
            "limits": LIMITS,
            "load_average": os.getloadavg()[2],
        }
        record("retrieval", figures, notes=notes)


def load(name: str, data: Path, questions: int, answers: int) -> Set:
    """The set of this name."""
    if name == "medquad":
        return medquad(data, questions, answers)
    if name == "scotus":
        return scotus(data)
    if name == "squad_de_on_en":
        return squad(data, "en", questions_in="de")
    return squad(data, LANGUAGES[name])


def measure(
    chosen: Set, embedder: TokenEmbedder, folder: Path
) -> tuple[dict[str, float], dict[str, Json]]:
    """Every arm's figures, and the weights that were learnt."""
    figures: dict[str, float] = {"n": float(len(chosen.asked))}
    notes: dict[str, Json] = {"passages": len(chosen.passages)}
    plain = _index(chosen, embedder, folder / "plain", SearchSettings(headers=0.0))
    found = all_candidates(plain, chosen.asked, embedder)
    arms = {"bm25": BM25, "vector": VECTOR}
    for name, tokens in (("hybrid", 0.0), ("plain_tuned", 1.0)):
        plain.settings = SearchSettings(
            headers=0.0, tokens=tokens, language=plain.settings.language
        )
        arms[name] = _learn(plain, name, notes)
    for name, settings in arms.items():
        figures |= scored(name, found, chosen.asked, settings)
    figures |= ahead("hybrid", found, chosen.asked, arms["hybrid"])
    figures |= ahead("plain_tuned", found, chosen.asked, arms["plain_tuned"])
    titled = _index(chosen, embedder, folder / "titled", SearchSettings())
    found = all_candidates(titled, chosen.asked, embedder)
    arms = {"titled_bm25": BM25, "titled_vector": VECTOR, "titled": titled.settings}
    arms["tuned"] = _learn(titled, "tuned", notes)
    for name, settings in arms.items():
        figures |= scored(name, found, chosen.asked, settings)
    return figures | ahead("tuned", found, chosen.asked, arms["tuned"]), notes


def _index(chosen: Set, embedder: TokenEmbedder, folder: Path, settings: SearchSettings) -> Index:
    shutil.rmtree(folder, ignore_errors=True)
    index = Index.create(folder, embedder, settings=settings)
    for batch in batches(chosen.passages, 2000):
        index.upsert(batch)
        print(f"{folder}: {len(index)} passages", flush=True)
    return index


def _learn(index: Index, name: str, notes: dict[str, Json]) -> SearchSettings:
    learnt = index.learn_weights()
    if learnt is None:
        return index.settings
    notes[name] = dataclasses.asdict(learnt)
    return learnt.settings


def all_candidates(
    index: Index, asked: Sequence[Asked], embedder: TokenEmbedder
) -> list[Candidates]:
    """What each question finds, scored by every search."""
    table = open_table(index.path / "chunks.lance")
    read = encode_texts(embedder, [one.question for one in asked])
    return [
        candidates(
            table,
            Question(vector, tokens, terms(one.question, index.settings.language)),
            count=index.settings.candidates,
            where="true",
        )
        for one, vector, tokens in zip(asked, read.vectors, read.tokens, strict=True)
    ]


def scored(
    name: str, found: Sequence[Candidates], asked: Sequence[Asked], settings: SearchSettings
) -> dict[str, float]:
    """Recall at 1 and 5 and nDCG at 10 under these weights."""
    first, fifth, gain = 0, 0, 0.0
    for hits, one in zip(right_places(found, asked, settings), asked, strict=True):
        first += any(hits[:1])
        fifth += any(hits[:5])
        ideal = sum(1 / math.log2(place + 2) for place in range(min(10, len(one.right))))
        gain += sum(hit / math.log2(place + 2) for place, hit in enumerate(hits[:10])) / ideal
    interval = proportion(first, len(asked))
    return {
        f"{name}.recall_at_1": round(first / len(asked), 4),
        f"{name}.low": round(interval.low, 4),
        f"{name}.high": round(interval.high, 4),
        f"{name}.recall_at_5": round(fifth / len(asked), 4),
        f"{name}.ndcg_at_10": round(gain / len(asked), 4),
    }


def ahead(
    name: str, found: Sequence[Candidates], asked: Sequence[Asked], settings: SearchSettings
) -> dict[str, float]:
    """The joined search against the best of the parts that it gives a weight."""
    joined = right_places(found, asked, settings)
    parts = [
        right_places(found, asked, part)
        for part_name, part in PARTS.items()
        if weights(settings).get(part_name)
    ]
    figures: dict[str, float] = {}
    for depth in (1, 5):
        best = max(([any(hits[:depth]) for hits in part] for part in parts), key=sum)
        mine = [any(hits[:depth]) for hits in joined]
        gap = paired_difference(mine, best, seed=0)
        stem = f"{name}.ahead.recall_at_{depth}"
        figures |= {
            stem: round(gap.difference.value, 4),
            f"{stem}.low": round(gap.difference.low, 4),
            f"{stem}.high": round(gap.difference.high, 4),
            f"{stem}.p": round(gap.p_value, 4),
        }
    return figures


def right_places(
    found: Sequence[Candidates], asked: Sequence[Asked], settings: SearchSettings
) -> list[list[bool]]:
    """For each question whether each document found is right, the best first."""
    return [
        [document in one.right for document in documents(candidate, settings)]
        for candidate, one in zip(found, asked, strict=True)
    ]


def documents(found: Candidates, settings: SearchSettings) -> list[str]:
    """The documents of the best passages, each once."""
    places = ordered(joined_scores(found.scores, weights(settings)))
    return list(dict.fromkeys(found.ids[place].rpartition("#")[0] for place in places))


if __name__ == "__main__":
    main()
