"""What a store learns from its own passages."""

from metier.models.engines.fake import FakeEmbedder
from metier.retrieval.store.index import Index
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
