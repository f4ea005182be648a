"""Every item is asked once, in a stable order and batch, also after a kill."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import DataError, EmptyStageError
from metier.evaluation.run import evaluate
from metier.evaluation.scorers import Label
from metier.evaluation.suites import Suite
from metier.types import Answer, Example, Usage


class Echo:
    """Answers with the question's first letter and remembers what it was asked."""

    def __init__(self, fail_after=None):
        self.asked = []
        self.batches = []
        self._fail_after = fail_after

    def answer(self, batch):
        if self._fail_after is not None and len(self.batches) >= self._fail_after:
            raise KeyboardInterrupt
        texts = [conversation[-1].content for conversation in batch]
        self.batches.append(texts)
        self.asked += texts
        return [Answer(text[0], Usage(len(text), 1)) for text in texts]


def suite_of(texts):
    examples = tuple(Example(f"{n}", text, "a") for n, text in enumerate(texts))
    return Suite("test", examples, (Label(("a", "b")),))


texts = st.lists(st.text("ab", min_size=1, max_size=8), min_size=1, max_size=30)


@given(texts, st.integers(1, 7))
def test_results_stand_in_the_order_given(questions, size):
    rung = Echo()
    items = evaluate(rung, suite_of(questions), batch_size=size)
    assert [item.input for item in items] == questions
    assert sorted(rung.asked) == sorted(questions)
    assert [item.scores[0].value for item in items] == [float(q[0] == "a") for q in questions]


@given(texts, st.integers(1, 7), st.integers(0, 5))
def test_a_resumed_run_repeats_no_finished_item_and_ends_the_same(questions, size, after):
    suite, kept = suite_of(questions), {}

    def keep(items):
        kept.update((item.example, item) for item in items)

    killed, resumed, unbroken = Echo(fail_after=after), Echo(), Echo()
    with suppress(KeyboardInterrupt):
        evaluate(killed, suite, batch_size=size, on_items=keep)
    items = evaluate(resumed, suite, batch_size=size, done=dict(kept), on_items=keep)
    whole = evaluate(unbroken, suite, batch_size=size)
    assert killed.batches + resumed.batches == unbroken.batches
    assert [item.answer for item in items] == [item.answer for item in whole]
    assert len(kept) == len(questions)


def test_a_finished_item_whose_question_changed_is_asked_again():
    done = {item.example: item for item in evaluate(Echo(), suite_of(["aa", "b"]))}
    rung = Echo()
    evaluate(rung, suite_of(["aa", "ab"]), done=done)
    assert rung.asked == ["ab"]


def test_progress_counts_up_to_all():
    seen = []
    evaluate(Echo(), suite_of("abab"), batch_size=3, progress=lambda *step: seen.append(step))
    assert seen == [(0, 4, "test"), (3, 4, "test"), (4, 4, "test")]


def test_an_empty_suite_is_an_error():
    with pytest.raises(EmptyStageError):
        evaluate(Echo(), suite_of([]))


def test_an_id_that_occurs_twice_is_named():
    examples = (Example("x", "a", "a"), Example("x", "b", "a"))
    with pytest.raises(DataError, match="'x'"):
        evaluate(Echo(), Suite("test", examples, ()))


def test_an_answerer_that_loses_an_answer_is_named():
    class Short:
        def answer(self, batch):
            return []

    with pytest.raises(DataError, match="Short gave 0 answers to 1"):
        evaluate(Short(), suite_of("a"))


@given(texts)
def test_items_know_their_batch_and_there_are_some(questions):
    items = evaluate(Echo(), suite_of(questions))
    assert len({item.batch for item in items}) >= min(len(questions), 3)
    by_batch = {item.batch: item.seconds for item in items}
    assert all(item.seconds == by_batch[item.batch] for item in items)
