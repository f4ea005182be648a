"""Questions as of a day, on ATT&CK v6 to v14 and MISP's actors 2018 to 2024.

``python -m benchmarks.timeline`` builds one store of all versions of all entities (kept in the work
folder), asks what the change logs answer ("what was T1217 called in v12"), and measures

- ``retrieval_as_of``: the first hit is the right entity's version of that day, and no hit was out
  of date; for an entity that was not there yet, that nothing about it is found;
- ``answer_as_of``: a field is read off the first hit where the question names one that it has, and
  the language model is asked otherwise;
- ``oracle``: the same with the right passage put in its place;
- ``model_alone``: the model without fields, on what is found and on the right passage; also whether
  its answer at least holds every item;
- ``alias_resolution``: alias_pairs, the first entity that a name is taken for, in five spellings;
- the same retrieval among 10 and 50 other entities, the most alike, with and without linking.

Nothing is tuned here: no setting was chosen on these questions.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import timeline_data as data
from benchmarks.recording import record
from benchmarks.remembering import RememberingModels
from benchmarks.timeline_answers import ASKS, ModelReader, holds_all, right
from benchmarks.timeline_questions import Question, questions
from metier import serial
from metier.methods.fields import Fields
from metier.models.registry import LocalModels
from metier.protocols import Embedder, Retriever
from metier.recipe.tables import EMBEDDED_EMBEDDER, EMBEDDED_MODEL
from metier.retrieval.authority.aliases import AliasTable
from metier.retrieval.authority.linked import LinkedRetriever
from metier.retrieval.authority.timeline import holds
from metier.retrieval.store.index import Index, batches
from metier.stats import proportion
from metier.store import Project
from metier.types import Alias, Hit, Json, Passage, Scope, content_hash

K = 5
FIELDS = Fields(ASKS)
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "as_written": str,
    "small_letters": str.lower,
    "hyphens": lambda name: name.replace(" ", "-"),
    "in_a_question": "What is known about {}?".format,
    "in_a_sentence": "In 2021 reports on {}'s victims came out.".format,
}


class Work:
    """Work done once: results are kept by question, and a run may stop and be taken up again."""

    def __init__(self, project: Project, cpu_seconds: float) -> None:
        self._project = project
        self._cpu_seconds = cpu_seconds

    def go_on(self) -> None:
        """Exit with status 3 when the processor time of this run is used up."""
        if time.process_time() > self._cpu_seconds:
            raise SystemExit(3)

    def each(
        self, step: str, asked: Sequence[Question], look: Callable[[Question], dict[str, Json]]
    ) -> list[dict[str, Json]]:
        """What ``look`` finds for each question."""
        name = f"timeline-{step}"
        kept = self._project.items(name)
        keys = [content_hash([one.text, one.day, one.answer, data.DESCRIPTION]) for one in asked]
        for key, one in zip(keys, asked, strict=True):
            if key not in kept:
                self.go_on()
                kept[key] = look(one)
                self._project.add_items(name, {key: kept[key]})
        return [kept[key] for key in keys]


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
    all_passages = data.passages(releases)
    release_names = data.release_names(options.data)
    asked = questions(options.data, releases, each=options.each, seed=options.seed)
    passages = _of_entities(all_passages, asked, options.entities, options.seed)
    answerable = _mixed([one for one in asked if one.answer is not None], options.seed)
    work = Work(project, options.cpu_seconds)
    with project.run("timeline", [options.each, options.seed]):
        index = _index(options.work / "index", passages, models.embedder(EMBEDDED_EMBEDDER), work)
        linked = LinkedRetriever(index, _names(releases, all_passages), release_names)
        reader = ModelReader(lambda: models.language_model(EMBEDDED_MODEL), project)
        figures = {"alias_resolution": _aliases(options.data)}
        figures |= _retrieval(index, linked, asked, reader, passages, work)
        some = answerable[: options.distractor_questions]
        figures |= _distractors(index, linked, some, work)
        some = answerable[: options.model_questions]
        figures |= _model_alone(linked, some, passages, reader, work)
    if options.record:
        missed = figures["retrieval_as_of"].pop("missed")
        notes = {**_notes(options, index, asked), "missed": missed}
        record("timeline", dict(_flat(figures)), notes=notes)


def _names(releases: data.Releases, passages: Sequence[Passage]) -> AliasTable:
    """All names; those that the passages use as plain words ("malware") are known as such."""
    names = data.aliases(releases)
    common = AliasTable(names).common_names(passage.chunk.text for passage in passages)
    return AliasTable(names, common=common)


def _of_entities(
    passages: Sequence[Passage], asked: Sequence[Question], n: int, seed: int
) -> list[Passage]:
    """All versions of the entities asked about and of others, drawn, up to ``n`` entities."""
    needed = {one.entity for one in asked}
    others = sorted({passage.entity for passage in passages} - needed)
    drawn = random.Random(seed).sample(others, min(len(others), max(0, n - len(needed))))
    kept = needed | set(drawn)
    return [passage for passage in passages if passage.entity in kept]


def _index(path: Path, passages: Sequence[Passage], embedder: Embedder, work: Work) -> Index:
    if (path / "index.json").exists():
        index = Index.open(path, embedder)
    else:
        index = Index.create(path, embedder)
    there = index.documents()
    missing = [passage for passage in passages if passage.document not in there]
    for batch in batches(missing, 64):
        work.go_on()
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
    whole = {key: found["in_a_question"][key] for key in ("value", "low", "high", "n")}
    return {**whole, "spellings": found}


def _retrieval(
    index: Index,
    linked: LinkedRetriever,
    asked: Sequence[Question],
    reader: ModelReader,
    passages: Sequence[Passage],
    work: Work,
) -> dict[str, Json]:
    """The right version, and the answer: fields first, the model where there is none."""
    version = _versions(passages)

    def look(one: Question) -> dict[str, Json]:
        hits = linked.search([one.text], K)[0]
        day = index.search([one.text], K, scope=Scope(as_of=one.day))[0]
        oracle = [] if one.answer is None else [version(one)]
        stale = [hit for hit in hits if not holds(hit.valid_from, hit.valid_to, one.day)]
        return {
            "linked": _is_right(hits, one),
            "out_of_date": len(stale),
            "day_alone": _is_right(day, one),
            "neither": _is_right(index.search([one.text], K)[0], one),
            "answer": right(_told(linked, one, hits[:1], reader), one.answer),
            "by_field": FIELDS.read(one.text, hits[:1]) is not None,
            "oracle": right(_told(linked, one, oracle, reader), one.answer),
        }

    found = work.each("searched", asked, look)
    by_kind: dict[str, list[bool]] = {}
    for one, its in zip(asked, found, strict=True):
        kind = f"{one.source}.{one.field if one.answer is not None else 'not_there'}"
        by_kind.setdefault(kind, []).append(its["linked"])
    return {
        "retrieval_as_of": {
            **_share_of(found, "linked"),
            "hits_out_of_date": sum(its["out_of_date"] for its in found),
            "by_kind": {kind: _share(sum(of), len(of)) for kind, of in sorted(by_kind.items())},
            "missed": [
                one.text for one, its in zip(asked, found, strict=True) if not its["linked"]
            ],
        },
        "retrieval_day_without_linking": _share_of(found, "day_alone"),
        "retrieval_without_day_or_linking": _share_of(found, "neither"),
        "answer_as_of": {
            **_share_of(found, "answer"),
            "read_off_fields": sum(its["by_field"] for its in found),
        },
        "oracle": _share_of(found, "oracle"),
    }


def _distractors(
    index: Index, linked: LinkedRetriever, asked: Sequence[Question], work: Work
) -> dict[str, Json]:
    """Questions that have an answer, each among the entities found most alike."""
    found: dict[str, Json] = {}
    for many in (10, 50):

        def look(one: Question, many: int = many) -> dict[str, Json]:
            day = Scope(as_of=one.day)
            like = index.search([one.text], 8 * many, scope=day)[0]
            others = [e for hit in like if (e := str(hit.metadata["entity"])) != one.entity]
            among = Among(index, (one.entity, *list(dict.fromkeys(others))[:many]))
            hits = replace(linked, inner=among).search([one.text], K)[0]
            return {
                "linked": _is_right(hits, one),
                "unlinked": _is_right(among.search([one.text], K, scope=day)[0], one),
                "answer": right(FIELDS.read(one.text, hits[:1]), one.answer),
            }

        looked = work.each(f"among-{many}", asked, look)
        found[str(many)] = {
            name: _share_of(looked, name) for name in ("linked", "unlinked", "answer")
        }
    return {"distractors": found}


def _model_alone(
    linked: LinkedRetriever,
    asked: Sequence[Question],
    passages: Sequence[Passage],
    reader: ModelReader,
    work: Work,
) -> dict[str, Json]:
    """The model without fields, with what is found and with the right passage."""
    version = _versions(passages)

    def look(one: Question) -> dict[str, Json]:
        hits = linked.search([one.text], K)[0]
        shown = [hits[0].chunk.text if hits else "", version(one).chunk.text]
        texts = reader.read([(one.text, passage) for passage in shown])
        return {
            name: judge(text, one.answer)
            for text, side in zip(texts, ("found", "oracle"), strict=True)
            for name, judge in ((side, right), (f"{side}_contained", holds_all))
        }

    read = work.each("read", asked, look)
    names = ("found", "found_contained", "oracle", "oracle_contained")
    return {"model_alone": {name: _share_of(read, name) for name in names}}


def _told(
    linked: LinkedRetriever, one: Question, hits: Sequence[Hit], reader: ModelReader
) -> str | None:
    """None when nothing is found on whom the question names: it was not there."""
    named = linked.scope_of(one.text).entities
    about = [hit for hit in hits if hit.metadata["entity"] in named]
    if not about:
        return None
    read = FIELDS.read(one.text, about)
    return read if read is not None else reader.read([(one.text, about[0].chunk.text)])[0]


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


def _share_of(found: Sequence[Mapping[str, Json]], name: str) -> dict[str, Json]:
    return _share(sum(its[name] for its in found), len(found))


def _notes(options: argparse.Namespace, index: Index, asked: Sequence[Question]) -> dict[str, Json]:
    return {
        "passages": len(index),
        "entities": len({document.partition("@")[0] for document in index.documents()}),
        "questions": {
            source: sum(one.source == source for one in asked) for source in ("attack", "actors")
        },
        "seed": options.seed,
        "names": "A question calls an entity by its ATT&CK id, or, for actors, by a name that no "
        "other entity has in any release; a shared name has no one right answer.",
        "gold": "Old and new values of the change logs; of actors' synonyms, which the log gives "
        "as differences, the release's own list.",
        "embedder": EMBEDDED_EMBEDDER,
        "descriptions": f"Cut to {data.DESCRIPTION} characters: one passage a version.",
        "fields": "The wordings and the words that ask for a field (timeline_answers.ASKS) are "
        "by one hand, so the answer's 100 % shows that look-up by entity, day and field is right, "
        "not that any wording is understood.",
        "model": "The 135M model alone reads neither lists nor names off the right passage: the "
        "reader is the limit, not retrieval.",
        "size": "What fitted on two cores shared with other runs; --entities, --each and "
        "--model-questions take more.",
        "alias_limit": "9 names of alias_pairs have two or three canonical names and 5 are the "
        "canonical name of another actor; no table can give both.",
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/timeline"))
    parser.add_argument("--each", type=int, default=100, help="questions from each source")
    parser.add_argument("--entities", type=int, default=10_000, help="at most in the store")
    parser.add_argument("--distractor-questions", type=int, default=40)
    parser.add_argument("--model-questions", type=int, default=30)
    parser.add_argument("--cpu-seconds", type=float, default=1e9, help="stop then, go on later")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-record", dest="record", action="store_false")
    return parser.parse_args()


if __name__ == "__main__":
    main()
