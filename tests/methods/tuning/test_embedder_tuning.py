"""An embedder tuned on what its documents are asked, kept with the store and loaded with it."""

import dataclasses
import shutil

import numpy as np
import pytest

from metier.errors import DataError, ModelNotFoundError
from metier.methods.retrieve import Retrieve
from metier.retrieval.relabel import lessons
from metier.retrieval.store.build import ADAPTER, open_index
from metier.retrieval.store.index import Index
from metier.retrieval.written import Written, written_questions
from tests.methods.test_retrieve import context
from tests.retrieval.stores import passage, store

TOPICS = ("rivers", "mountains", "bridges", "trains", "apples", "moons")
PASSAGES = [
    passage(
        f"{topic}{number}",
        f"Report {number} is about {topic} of the north. It was written by the council in spring. "
        f"The {topic} of place {number} were counted and found to be old and many.",
        title=topic.title(),
    )
    for topic in TOPICS
    for number in range(4)
]
ASKED = [
    Written(f"how many {one.chunk.title.lower()} were there in {one.document[-1]}?", one, "person")
    for one in PASSAGES
]


def test_lessons_hold_what_else_was_found_and_trust_the_own_passage_most(tmp_path):
    index = store(tmp_path / "index", *PASSAGES)
    unknown = Written("how many rivers were there?", passage("gone", "no more"), "model")
    taught = lessons(index, [*ASKED, unknown])
    assert len(taught) >= len(TOPICS)
    by_question = {one.question: one for one in ASKED}
    for lesson in taught:
        assert lesson.passages[0] == by_question[lesson.question].passage
        assert len({one.chunk.id for one in lesson.passages}) == len(lesson.passages) > 1
        assert sum(lesson.targets) == pytest.approx(1.0)
        assert lesson.targets[0] >= 0.5


def test_a_tenants_question_finds_its_passage(tmp_path):
    owned = [dataclasses.replace(one, tenant="acme") for one in PASSAGES]
    index = store(tmp_path / "index", *owned)
    asked = [dataclasses.replace(one, passage=own) for one, own in zip(ASKED, owned, strict=True)]
    assert len(lessons(index, asked)) >= len(TOPICS)


def test_without_a_model_sentences_are_cut_out_of_their_passages():
    written = written_questions(PASSAGES, count=10, model=None, seed=3)
    assert written == written_questions(PASSAGES, count=10, model=None, seed=3)
    assert len({one.passage.document for one in written}) == 10
    whole = {one.chunk.id: one.chunk.text for one in PASSAGES}
    for one in written:
        assert one.question in whole[one.passage.chunk.id]
        assert one.question not in one.passage.chunk.text


def test_questions_that_are_none_are_left_out():
    from metier.models.engines.fake import FakeModel

    model = FakeModel({})  # answers with a few plain words
    assert {one.writer for one in written_questions(PASSAGES, count=4, model=model)} == {"sentence"}


@pytest.mark.models
def test_a_tuned_embedder_travels_with_its_store(tmp_path):
    from metier.methods.tuning.embedder_tuning import EmbedderTuning, tune_embedder
    from metier.models.names.resolve import resolve
    from metier.models.registry import LocalModels
    from metier.recipe.tables import EMBEDDED_EMBEDDER

    models = LocalModels()
    base = models.embedder(EMBEDDED_EMBEDDER)
    before = Index.create(tmp_path / "before", base)
    before.upsert(PASSAGES)
    tuning = EmbedderTuning(epochs=1, batch=8, layers=1, tokens=32)
    taught = lessons(before, ASKED)
    directory = resolve(EMBEDDED_EMBEDDER)
    tuned = tune_embedder(directory, taught, tmp_path / ADAPTER, tuning=tuning)
    assert tuned.lessons + tuned.judged == len(taught)
    after = models.embedder(EMBEDDED_EMBEDDER, adapter=tuned.adapter)
    assert after.name.startswith(f"{base.name}+")
    texts = [one.chunk.text for one in PASSAGES]
    assert np.abs(after.embed(texts) - base.embed(texts)).max() > 1e-4
    index = Index.create(tmp_path / "index", after)
    index.upsert(PASSAGES)
    shutil.move(tuned.adapter, index.path / ADAPTER)
    moved = shutil.move(index.path, tmp_path / "elsewhere")
    question = "which rivers were counted?"
    again = open_index(moved, models).search([question], 3)[0]
    assert [hit.chunk.title for hit in again] == ["Rivers"] * 3
    with pytest.raises(DataError, match="was made with the embedder"):
        Index.open(moved, base)


def test_a_rung_that_is_to_tune_needs_weights_to_tune(tmp_path):
    settings = {**Retrieve().defaults, "written_questions": 4}
    asked = dataclasses.replace(context(Retrieve(), tmp_path), settings=settings, embedder="faek")
    with pytest.raises(ModelNotFoundError):
        Retrieve().fit("retrieve", asked)
