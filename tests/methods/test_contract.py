"""The contract of every method: one suite, run on all rungs."""

import dataclasses
import shutil

import pytest

from metier.errors import DataError, ModelFileError
from metier.methods import candidate as candidates
from metier.methods import method
from metier.protocols import Answerer, FitContext, Method
from tests.methods.tiny import TASK, asked, tiny_rows

PLAIN = [("majority", {}), ("tfidf", {})]
WITH_MODEL = [
    ("embedding", {}),
    ("prompt", {}),
    ("prompt", {"calibrate": "batch"}),
    ("prompt", {"constrained": False}),
    ("few_shot", {"shots": 3, "shot_tokens": 96, "calibrate": "contextual"}),
    ("few_shot", {"shots": 3, "shot_tokens": 96, "selection": "nearest"}),
]


def case(name, settings, marks=()):
    label = "-".join([name, *(f"{value}" for value in settings.values())])
    return pytest.param(name, settings, id=label, marks=marks)


RUNGS = [case(*one) for one in PLAIN] + [case(*one, pytest.mark.models) for one in WITH_MODEL]
RUNGS += [case("blend", {"shrinkage": 0.1})]


class Workshop:
    """Fits a rung on the tiny task, in a directory of its own."""

    def __init__(self, rows, models, place):
        self.rows, self.models, self.place = rows, models, place

    def context(self, name, settings, directory, **changes):
        directory.mkdir(parents=True)
        context = FitContext(
            task=TASK,
            train=self.rows.train,
            dev=self.rows.dev,
            base="smollm2-135m-instruct",
            embedder="all-minilm-l6-v2",
            models=self.models,
            workdir=directory,
            settings={**method(name).defaults, **settings},
            seed=3,
            fitted=self.members(directory.parent) if name == "blend" else {},
        )
        return dataclasses.replace(context, **changes)

    def members(self, place):
        fitted = {}
        for name, settings in (("tfidf", {"features": "word"}), ("char", {"features": "char"})):
            workdir = place / f"{place.name}-{name}"
            shutil.rmtree(workdir, ignore_errors=True)
            context = self.context("tfidf", settings, workdir)
            fitted[name] = (method("tfidf").fit(name, context), workdir)
        return fitted

    def fit(self, name, settings, directory="fitted", **changes):
        context = self.context(name, settings, self.place / directory / "rung", **changes)
        return method(name).fit("rung", context), context.workdir


@pytest.fixture(scope="module")
def rows():
    return tiny_rows()


@pytest.fixture(scope="module")
def models():
    """One for all the cases, made when the first rung that needs a model is fitted."""
    from metier.models.registry import LocalModels

    return LocalModels("transformers")


@pytest.fixture
def workshop(rows, models, tmp_path):
    return Workshop(rows, models, tmp_path)


def same(one, other):
    assert [answer.text for answer in one] == [answer.text for answer in other]
    for left, right in zip(one, other, strict=True):
        # Sums in another order for another batch; on a GPU in bf16.
        assert (left.probabilities or {}) == pytest.approx(right.probabilities or {}, abs=0.02)


@pytest.mark.parametrize(("name", "settings"), RUNGS)
def test_a_copied_candidate_answers_the_same_in_any_order(workshop, name, settings):
    candidate, directory = workshop.fit(name, settings)
    questions = asked(workshop.rows.held_out)[::3]
    first = method(name).load(candidate, directory, workshop.models)
    assert isinstance(method(name), Method) and isinstance(first, Answerer)
    answers = first.answer(questions)

    copied = workshop.place / "elsewhere"
    shutil.copytree(directory, copied)
    shutil.rmtree(directory.parent)
    read = candidates.read(copied)
    assert read == candidate
    again = method(name).load(read, copied, workshop.models)
    same(answers, again.answer(questions))
    same(answers[::-1], again.answer(questions[::-1]))
    same(answers[:1], again.answer(questions[:1]))
    assert again.answer([]) == []

    if settings.get("constrained", True):
        for answer in answers:
            assert set(answer.probabilities) == set(TASK.labels)
            assert sum(answer.probabilities.values()) == pytest.approx(1)
            assert answer.text == max(answer.probabilities, key=answer.probabilities.get)


@pytest.mark.parametrize(("name", "settings"), RUNGS)
def test_the_same_seed_gives_the_same_candidate(workshop, name, settings):
    contents = []
    for place in ("one", "two"):
        candidate, directory = workshop.fit(name, settings, place)
        files = {
            str(path.relative_to(directory)): path.read_bytes()
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.name != candidates.FILE
        }
        contents.append((dataclasses.replace(candidate, train_seconds=0.0), files))
    assert contents[0] == contents[1]
    train = {example.id for example in workshop.rows.train}
    assert set(contents[0][0].train_examples) <= train
    assert not [name for name in contents[0][1] if name.endswith(".part")]


@pytest.mark.parametrize("name", ["majority", "tfidf", "embedding", "blend"])
def test_a_rung_that_only_classifies_says_so(workshop, name):
    task = dataclasses.replace(TASK, kind="free_text", labels=())
    with pytest.raises(DataError, match=r"'rung'.*classification, not free_text"):
        workshop.fit(name, {}, task=task)


@pytest.mark.parametrize("name", ["tfidf", "embedding"])
def test_a_label_outside_the_task_is_named(workshop, name):
    odd = dataclasses.replace(workshop.rows.train[0], target="astronomy")
    with pytest.raises(DataError, match="astronomy"):
        workshop.fit(name, {}, train=[odd, *workshop.rows.train])


def test_tfidf_learns_without_dev_rows_by_cross_validation(workshop):
    candidate, directory = workshop.fit("tfidf", {}, dev=[])
    said = method("tfidf").load(candidate, directory, workshop.models)
    answers = said.answer(asked(workshop.rows.held_out))
    right = sum(
        answer.text == example.target
        for answer, example in zip(answers, workshop.rows.held_out, strict=True)
    )
    assert right > len(answers) / 2


def test_a_blend_counts_what_its_members_took(workshop):
    slow = {
        name: (dataclasses.replace(member, train_seconds=1000.0), directory)
        for name, (member, directory) in workshop.members(workshop.place / "slow").items()
    }
    blend, _ = workshop.fit("blend", {}, fitted=slow)
    assert 2000 < blend.train_seconds < 2060


def test_one_label_is_not_enough_to_tell_apart(workshop):
    rows = [row for row in workshop.rows.train if row.target == "email"]
    with pytest.raises(DataError, match="same label"):
        workshop.fit("tfidf", {}, train=rows)


def test_a_method_misspelt_is_met_with_the_nearest():
    with pytest.raises(DataError, match="did you mean 'tfidf'"):
        method("tfdf")


@pytest.mark.parametrize("file", ["candidate.json", "linear.npz", "vocabulary.json"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_damaged_candidate_is_refused(workshop, file, damage):
    _, directory = workshop.fit("tfidf", {})
    path = directory / file
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelFileError, match="fit the rung again"):
        candidate = candidates.read(directory)
        method("tfidf").load(candidate, directory, workshop.models)


def test_a_candidate_of_a_later_format_asks_for_an_upgrade(workshop):
    _, directory = workshop.fit("majority", {})
    path = directory / candidates.FILE
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(ModelFileError, match="upgrade metier"):
        candidates.read(directory)
