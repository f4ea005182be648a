"""What a store learns from its own passages."""

import numpy as np

from metier.models.engines.fake import FakeEmbedder
from metier.retrieval.store.index import Index
from metier.retrieval.store.rehearsal import choose_weight
from metier.retrieval.store.search import Candidates
from metier.types import SearchSettings
from tests.retrieval.stores import passage, store

SUBJECTS = ("whale", "comet", "violin", "castle", "glacier", "lantern")


def about(number):
    subject = f"{SUBJECTS[number % 6]}{number}"
    return (
        f"The {subject} was described first by a traveller. Nobody saw the {subject} again. "
        f"Later the {subject} was drawn in a book of the time."
    )


def test_weights_are_learnt_and_kept(tmp_path):
    index = store(tmp_path / "index", *(passage(str(n), about(n)) for n in range(60)))
    learnt = index.learn_weights(questions=40)
    assert learnt.questions == 40
    assert learnt.recall_at_1 >= max(learnt.alone["text"], learnt.alone["vector"]) - 0.05
    again = Index.open(index.path, FakeEmbedder())
    assert again.settings == learnt.settings
    assert again.learn_weights(questions=40) == learnt
    assert len(index) == 60  # the passages themselves were left alone


def test_too_little_to_learn_from_changes_nothing(tmp_path):
    index = store(tmp_path / "index", passage("a", "One sentence only"))
    before = index.settings
    assert index.learn_weights() is None
    assert index.settings == before


def found(vector, text):
    """Four passages, of which the first is right, as two searches score them."""
    scores = {"vector": np.array(vector), "text": np.array(text)}
    return Candidates(range(4), ["right", "b", "c", "d"], scores, {})


def test_no_weight_is_learnt_under_which_words_alone_would_find_more():
    easy = found([0.9, 0.5, 0.4, 0.3], [1.0, 0.0, 0.0, 0.0])
    misled_by_vectors = found([0.1, 0.9, 0.3, 0.2], [1.0, 0.9, 0.0, 0.0])
    misled_by_words = found([0.9, 0.1, 0.1, 0.1], [0.8, 1.0, 0.0, 0.0])
    asked = [*[easy] * 37, misled_by_vectors, misled_by_vectors, misled_by_words]
    settings = SearchSettings(vector=0.2, text=0.05, tokens=0.0)

    learnt = choose_weight(asked, ["right"] * 40, settings)

    assert learnt.alone == {"vector": 38 / 40, "text": 39 / 40}
    assert learnt.recall_at_1 == 39 / 40  # the weight that stood finds 38, within an error of it
    assert learnt.settings.text > settings.text
