"""A model that likes one label best is read for what the text changes in that."""

import pytest

from metier.errors import DataError
from metier.methods import method
from metier.models.engines.fake import FakeModel, FakeModels
from metier.protocols import FitContext
from metier.types import Example, LabelScores, Message, Task, Usage

LABELS = ("north", "south")
TASK = Task("classification", "Where does it lie?", labels=LABELS)
ROWS = tuple(  # sorted by label, as many a file is
    Example(f"{label}-{number}", f"{label} wind {number}", label)
    for label in LABELS
    for number in range(50)
)


class Inclined(FakeModel):
    """Likes ``north`` by ``lean`` nats, and the label that the text names by one."""

    def __init__(self, lean):
        super().__init__()
        self.lean = lean

    def score_labels(self, batch, labels):
        texts = [conversation[-1].content.split("\n\n")[-1] for conversation in batch]
        return [
            LabelScores((self.lean + ("north" in text), float("south" in text)), Usage(1, 1))
            for text in texts
        ]


class Models(FakeModels):
    def __init__(self, lean):
        super().__init__()
        self.lean = lean

    def language_model(self, name, *, adapter=None):
        return Inclined(self.lean)


@pytest.fixture
def fit(tmp_path):
    def fitted(lean, *, dev=ROWS, task=TASK, **settings):
        models = Models(lean)
        prompt = method("prompt")
        context = FitContext(
            task=task,
            train=(),
            dev=dev,
            base="inclined",
            embedder="fake",
            models=models,
            workdir=tmp_path,
            settings={**prompt.defaults, **settings},
            seed=0,
            fitted={},
        )
        candidate = prompt.fit("rung", context)
        return candidate, prompt.load(candidate, tmp_path, models)

    return fitted


def right(answerer):
    answers = answerer.answer([(Message("user", row.input),) for row in ROWS])
    return sum(one.text == row.target for one, row in zip(answers, ROWS, strict=True))


def test_a_liking_that_hides_what_the_text_says_is_taken_out(fit):
    _, plain = fit(5.0, calibrate="none")
    candidate, chosen = fit(5.0)
    assert right(plain) == 50
    assert right(chosen) == 100
    assert candidate.trials[0]["dev_accuracy"] == 1.0
    assert {trial["calibrate"] for trial in candidate.trials} == {"none", "contextual", "batch"}


def test_a_model_without_a_liking_is_left_as_it_is(fit):
    candidate, chosen = fit(0.0)
    assert candidate.settings["prior"] is None
    assert right(chosen) == 100


def test_a_choice_on_a_handful_of_texts_is_not_made(fit):
    candidate, _ = fit(5.0, dev=ROWS[:10])
    assert candidate.settings["prior"] is None
    assert candidate.trials == ()


def test_answers_in_own_words_have_no_prior(fit):
    candidate, _ = fit(5.0, constrained=False)
    assert candidate.settings["prior"] is None
    with pytest.raises(DataError, match="constrained = true"):
        fit(5.0, constrained=False, calibrate="batch")


def test_the_same_seed_measures_the_same_prior(fit):
    first, _ = fit(5.0, calibrate="batch")
    second, _ = fit(5.0, calibrate="batch")
    assert first.settings["prior"] == second.settings["prior"]
    assert sum(first.settings["prior"]) == pytest.approx(1.0)
