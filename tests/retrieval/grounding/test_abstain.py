"""The promised error rate holds, and a promise that cannot be kept is not made."""

import numpy as np
import pytest

from metier.errors import DataError
from metier.retrieval.grounding.abstain import Promise, fit_confidence, risk_curve, set_threshold
from metier.retrieval.grounding.need import fit_need
from metier.types import Chunk, Hit, Span


def drawn(generator, count):
    """Scores that are the probability of being right."""
    scores = generator.random(count)
    return scores, generator.random(count) > scores


def test_the_error_rate_holds_as_often_as_promised():
    generator = np.random.default_rng(0)
    promise = Promise(error=0.2, doubt=0.1)
    broken = answered = 0
    for _ in range(300):
        threshold = set_threshold(*drawn(generator, 400), promise=promise)
        # Right with probability s above s = t: the error among the answered is (1 - t) / 2.
        if threshold.score is not None:
            answered += 1
            broken += (1 - threshold.score) / 2 > promise.error
    assert answered > 250
    assert broken <= 45  # 30 expected at the very most; 45 is beyond its 99.7 % quantile


def test_items_that_err_together_count_for_fewer():
    scores = np.linspace(0, 1, 400)
    wrong = np.arange(400) // 10 % 14 == 0  # ten in a row, of one document each
    alone = set_threshold(scores, wrong)
    together = set_threshold(scores, wrong, groups=[str(place // 10) for place in range(400)])
    assert together.answered < alone.answered
    with pytest.raises(DataError, match="a group each"):
        set_threshold(scores, wrong, groups=["one"])


def test_a_flawless_record_of_few_documents_proves_little():
    scores, right = np.linspace(0, 1, 200), np.zeros(200, bool)
    of_five = [place % 5 for place in range(200)]
    assert set_threshold(scores, right, groups=of_five).score is None
    assert set_threshold(scores, right, groups=list(range(200))).answered == 199


def test_a_flawless_record_of_thirty_documents_counts_each_question():
    scores, right = np.linspace(0, 1, 120), np.zeros(120, bool)
    assert set_threshold(scores, right, groups=[place % 30 for place in range(120)]).answered == 119


def test_the_promise_holds_for_questions_about_thirty_documents():
    draw, promise, broken = np.random.default_rng(0), Promise(error=0.1, doubt=0.05), 0
    documents = np.repeat(np.arange(30), 5)
    for _ in range(200):
        # half of what errs errs by document; whatever the threshold, 12 % of the answers are wrong
        share = draw.beta(0.12, 0.88, 30)
        wrong = draw.random(150) < share[documents]
        threshold = set_threshold(draw.random(150), wrong, promise=promise, groups=list(documents))
        broken += threshold.score is not None
    assert broken <= 18  # 10 expected at the very most; 18 is beyond its 99 % quantile


def test_nothing_is_answered_where_nothing_can_be_promised():
    scores = np.linspace(0, 1, 200)
    assert set_threshold(scores, np.ones(200, bool)).score is None
    few = set_threshold(scores[:20], np.zeros(20, bool))
    assert few.score is None
    assert not few.answers(1.0)


def test_a_flawless_record_is_answered_nearly_always():
    threshold = set_threshold(np.linspace(0, 1, 200), np.zeros(200, bool))
    assert threshold.answered == 199
    assert threshold.wrong == 0


def test_scores_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="one finite score"):
        set_threshold([0.1, float("nan")], [True, False])


def test_the_curve_ends_with_everything_answered():
    scores, wrong = drawn(np.random.default_rng(1), 500)
    curve = risk_curve(scores, wrong)
    assert curve[-1].coverage == 1.0
    assert curve[-1].risk.value == pytest.approx(wrong.mean())
    assert curve[0].risk.value < curve[-1].risk.value


def test_confidence_needs_both_outcomes():
    with pytest.raises(DataError, match="both kinds"):
        fit_confidence([{"top": 1.0}], [True])


def test_need_follows_what_it_was_fitted_to():
    def found(score):
        return [Hit(Chunk("c", "text", 0, 4, Span("d", 0, 4)), score)]

    questions = ["what is this"] * 40
    hits = [found(place / 40) for place in range(40)]
    need = fit_need(questions, hits, [place >= 20 for place in range(40)], threshold=0.5)
    assert need.probability("what is this", found(0.9)) > 0.8
    assert need.probability("what is this", found(0.1)) < 0.2
    assert 0 <= need.probability("", []) <= 1
    with pytest.raises(DataError, match="no better than"):
        fit_need(questions, hits, [place % 2 == 0 for place in range(40)])
