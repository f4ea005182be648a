"""Questions as of a day, on ATT&CK v6 to v14 and MISP's actors 2018 to 2024.

``python -m benchmarks.timeline`` builds one store of all versions of all entities (kept in the work
folder), asks what the change logs answer ("what was T1217 called in v12"), and measures

- ``retrieval_as_of``: the first hit is the right entity's version of that day, and no hit was out
  of date; for an entity that was not there yet, that nothing about it is found;
- ``answer_as_of``: a field is read off the first hit where the question names one that it has, and
  the language model is asked otherwise; beside it, the model alone on the same questions;
- ``oracle``: both with the right passage put in front of them;
- ``alias_resolution``: alias_pairs, the first entity that a name is taken for, in five spellings;
- the same retrieval among 10 and 50 other entities, the most alike, with and without linking.

Nothing is tuned here: no setting was chosen on these questions.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import timeline_data as data
from benchmarks.recording import record
from benchmarks.remembering import RememberingModels
from benchmarks.timeline_answers import ModelReader, read_field, right
from benchmarks.timeline_questions import Question, questions
from metier import serial
from metier.models.registry import LocalModels
from metier.protocols import Embedder, Retriever
from metier.recipe.tables import EMBEDDED_EMBEDDER, EMBEDDED_MODEL
from metier.retrieval.aliases import AliasTable
from metier.retrieval.index import Index, batches
from metier.retrieval.linked import LinkedRetriever
from metier.retrieval.timeline import holds
from metier.stats import proportion
from metier.store import Project
from metier.types import Alias, Hit, Json, Passage, Scope

K = 5
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "as_written": str,
    "small_letters": str.lower,
    "hyphens": lambda name: name.replace(" ", "-"),
    "in_a_question": "What is known about {}?".format,
    "in_a_sentence": "In 2021 reports on {}'s victims came out.".format,
}


@dataclass(frozen=True, slots=True)
class Among:
    """A store as if it held only these entities."""

    inner: Retriever
    entities: tuple[str, ...]

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """Hits on these entities only."""
        given = scope or Scope()
        both = [entity for entity in self.entities if entity in given.entities]
        if given.entities and not both:
            return [[] for _ in questions]
        seen = replace(given, entities=tuple(both) or self.entities)
        return self.inner.search(questions, k, scope=seen)


def main() -> None:
    """Measure and record."""
    options = _options()
    project = Project(options.work)
    models = RememberingModels(LocalModels(), project)
    releases = data.releases(options.data)
    passages = data.passages(releases)
    asked = questions(options.data, releases, each=options.each, seed=options.seed)
    with project.run("timeline", [options.each, options.seed]):
        index = _index(options.work / "index", passages, models.embedder(EMBEDDED_EMBEDDER))
        linked = LinkedRetriever(
            index, AliasTable(data.aliases(releases)), data.release_names(options.data)
        )
        figures = {"alias_resolution": _aliases(options.data)}
        figures |= _retrieval(index, linked, asked)
        figures |= _distractors(index, linked, asked, options.distractor_questions, options.seed)
        reader = ModelReader(lambda: models.language_model(EMBEDDED_MODEL), project)
        figures |= _answers(linked, asked, passages, reader, options.model_questions)
    if options.record:
        missed = figures["retrieval_as_of"].pop("missed")
        notes = {**_notes(options, passages, asked), "missed": missed}
        record("timeline", dict(_flat(figures)), notes=notes)


def _index(path: Path, passages: Sequence[Passage], embedder: Embedder) -> Index:
    if (path / "index.json").exists():
        index = Index.open(path, embedder)
    else:
        index = Index.create(path, embedder)
    there = index.documents()
    missing = [passage for passage in passages if passage.document not in there]
    for batch in batches(missing, 256):
        index.upsert(batch)
        print(f"{len(index)} of {len(passages)} passages", flush=True)
    return index


def _aliases(folder: Path) -> dict[str, Json]:
    pairs = data.alias_pairs(folder)
    table = AliasTable(Alias(alias, canonical) for alias, canonical in pairs)
    found: dict[str, Json] = {}
    for name, spelled in SPELLINGS.items():
        linked = [(table.link(spelled(alias)), canonical) for alias, canonical in pairs]
        first = sum(bool(m) and m[0].entities[0] == canonical for m, canonical in linked)
        among = sum(bool(m) and canonical in m[0].entities for m, canonical in linked)
        found[name] = {**_share(first, len(pairs)), "among_candidates": among / len(pairs)}
    return {**_share_of(found["in_a_question"]), "spellings": found}


def _retrieval(index: Index, linked: LinkedRetriever, asked: Sequence[Question]) -> dict[str, Json]:
    found = [hits for one in asked for hits in linked.search([one.text], K)]
    right_hits = [_is_right(hits, one) for hits, one in zip(found, asked, strict=True)]
    dated = [index.search([one.text], K, scope=Scope(as_of=one.day))[0] for one in asked]
    now = [index.search([one.text], K)[0] for one in asked]
    stale = sum(
        not holds(hit.valid_from, hit.valid_to, one.day)
        for hits, one in zip(found, asked, strict=True)
        for hit in hits
    )
    by_field: dict[str, list[bool]] = {}
    for one, ok in zip(asked, right_hits, strict=True):
        kind = f"{one.source}.{one.field if one.answer is not None else 'not_there'}"
        by_field.setdefault(kind, []).append(ok)
    missed = [one.text for one, ok in zip(asked, right_hits, strict=True) if not ok]
    return {
        "retrieval_as_of": {
            **_share(sum(right_hits), len(asked)),
            "hits_out_of_date": stale,
            "by_kind": {name: _share(sum(of), len(of)) for name, of in sorted(by_field.items())},
            "missed": missed[:20],
        },
        "retrieval_day_without_linking": _all_right(dated, asked),
        "retrieval_without_day_or_linking": _all_right(now, asked),
    }


def _distractors(
    index: Index, linked: LinkedRetriever, asked: Sequence[Question], n: int, seed: int
) -> dict[str, Json]:
    """The first n questions that have an answer, each among the entities found most alike."""
    some = [one for one in _mixed(asked, seed) if one.answer is not None][:n]
    found: dict[str, Json] = {}
    for many in (10, 50):
        counts = {"linked": 0, "unlinked": 0}
        answers = 0
        for one in some:
            day = Scope(as_of=one.day)
            like = index.search([one.text], 8 * many, scope=day)[0]
            others = [e for hit in like if (e := str(hit.metadata["entity"])) != one.entity]
            among = Among(index, (one.entity, *list(dict.fromkeys(others))[:many]))
            hits = replace(linked, inner=among).search([one.text], K)[0]
            counts["linked"] += _is_right(hits, one)
            counts["unlinked"] += _is_right(among.search([one.text], K, scope=day)[0], one)
            answers += right(read_field(one.text, hits[:1]), one.answer)
        found[str(many)] = {
            **{name: _share(count, len(some)) for name, count in counts.items()},
            "answer": _share(answers, len(some)),
        }
    return {"distractors": found}


def _answers(
    linked: LinkedRetriever,
    asked: Sequence[Question],
    passages: Sequence[Passage],
    reader: ModelReader,
    n: int,
) -> dict[str, Json]:
    """Fields first, model second on all; the model alone on ``n``."""
    by_version = _versions(passages)
    answerable = [one for one in asked if one.answer is not None]
    found = {one: linked.search([one.text], K)[0][:1] for one in asked}
    oracle = {one: [by_version(one)] for one in answerable}
    some = _mixed(answerable, 1)[:n]
    alone = [right(text, one.answer) for text, one in _read(reader, some, found)]
    ceiling = [right(text, one.answer) for text, one in _read(reader, some, oracle)]
    told = {one: _told(linked, one, found[one], reader) for one in asked}
    with_oracle = [right(_told(linked, one, oracle[one], reader), one.answer) for one in answerable]
    return {
        "answer_as_of": {
            **_share(sum(right(told[one], one.answer) for one in asked), len(asked)),
            "read_off_fields": sum(read_field(one.text, found[one]) is not None for one in asked),
            "model_alone": _share(sum(alone), len(some)),
        },
        "oracle": {
            **_share(sum(with_oracle), len(answerable)),
            "model_alone": _share(sum(ceiling), len(some)),
        },
    }


def _told(
    linked: LinkedRetriever, one: Question, hits: Sequence[Hit], reader: ModelReader
) -> str | None:
    """None when nothing is found on whom the question names: it was not there."""
    named = linked.scope_of(one.text).entities
    about = [hit for hit in hits if hit.metadata["entity"] in named]
    if not about:
        return None
    read = read_field(one.text, about)
    return read if read is not None else reader.read([(one.text, about[0].chunk.text)])[0]


def _read(
    reader: ModelReader, asked: Sequence[Question], hits: Mapping[Question, Sequence[Hit]]
) -> list[tuple[str, Question]]:
    shown = [(one.text, hits[one][0].chunk.text if hits[one] else "") for one in asked]
    return list(zip(reader.read(shown), asked, strict=True))


def _versions(passages: Sequence[Passage]) -> Callable[[Question], Hit]:
    by_entity: dict[str, list[Passage]] = {}
    for passage in passages:
        by_entity.setdefault(passage.entity, []).append(passage)

    def version(one: Question) -> Hit:
        found = next(
            passage
            for passage in by_entity[one.entity]
            if holds(passage.valid_from, passage.valid_to, one.day)
        )
        return Hit(found.chunk, 1.0, metadata=found.metadata)

    return version


def _is_right(hits: Sequence[Hit], one: Question) -> bool:
    """Judged by what the log says, not by the dates that the store was given."""
    if any(not holds(hit.valid_from, hit.valid_to, one.day) for hit in hits):
        return False
    if one.answer is None:
        return all(hit.metadata["entity"] != one.entity for hit in hits)
    first = hits[0].metadata if hits else {}
    value = first.get(one.field)
    same = sorted(value) == sorted(one.answer) if isinstance(value, list) else value == one.answer
    return first.get("entity") == one.entity and same


def _all_right(found: Sequence[Sequence[Hit]], asked: Sequence[Question]) -> dict[str, Json]:
    return _share(sum(_is_right(h, one) for h, one in zip(found, asked, strict=True)), len(asked))


def _mixed(asked: Sequence[Question], seed: int) -> list[Question]:
    return random.Random(seed).sample(list(asked), len(asked))


def _share(count: int, n: int) -> dict[str, Json]:
    return serial.to_json(proportion(count, n))  # type: ignore[no-any-return]


def _flat(figures: Mapping[str, Json], stem: str = "") -> Iterator[tuple[str, Json]]:
    """Dotted keys; a share's value stands under the share's own name."""
    for key, value in figures.items():
        name = stem if key == "value" else f"{stem}.{key}" if stem else key
        if isinstance(value, dict):
            yield from _flat(value, name)
        else:
            yield name, round(value, 4) if isinstance(value, float) else value


def _share_of(found: Json) -> dict[str, Json]:
    return {key: found[key] for key in ("value", "low", "high", "n")}


def _notes(
    options: argparse.Namespace, passages: Sequence[Passage], asked: Sequence[Question]
) -> dict[str, Json]:
    return {
        "passages": len(passages),
        "entities": len({passage.entity for passage in passages}),
        "questions": {
            source: sum(one.source == source for one in asked) for source in ("attack", "actors")
        },
        "seed": options.seed,
        "names": "A question calls an entity by its ATT&CK id, or, for actors, by a name that no "
        "other entity has in any release; a shared name has no one right answer.",
        "gold": "Old and new values of the change logs; of actors' synonyms, which the log gives "
        "as differences, the release's own list.",
        "descriptions": f"Cut to {data.DESCRIPTION} characters: one passage a version.",
        "alias_limit": "9 names of alias_pairs have two or three canonical names and 5 are the "
        "canonical name of another actor; no table can give both.",
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/timeline"))
    parser.add_argument("--each", type=int, default=400, help="questions from each source")
    parser.add_argument("--distractor-questions", type=int, default=200)
    parser.add_argument("--model-questions", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-record", dest="record", action="store_false")
    return parser.parse_args()


if __name__ == "__main__":
    main()
