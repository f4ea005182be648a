"""The verdict in many situations, and what must hold in all of them."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier import stats
from metier.decision.compare import compare
from metier.decision.cost import Machine, with_cost
from metier.decision.gates import Gates, apply_gates, passing
from metier.decision.recommend import Terms, decide, recommend
from metier.errors import DataError, EmptyStageError
from metier.evaluation.scorecard import scorecard
from metier.types import Answer, Estimate, ItemResult, Retention, Score, Task

TASK = Task("classification", "Say a or b.", ("a", "b"))
HOURLY = Machine(1.0)


def card(rung, right, *, seconds=0.001):
    """A scorecard from one 0/1 per item."""
    items = [
        ItemResult(
            example=f"{number:05d}",
            suite="test",
            input="?",
            target="a",
            answer=Answer("a" if hit else "b"),
            seconds=seconds,
            scores=(Score("accuracy", float(hit)),),
        )
        for number, hit in enumerate(right)
    ]
    return with_cost(scorecard(rung, items, TASK, versions={}), HOURLY)


def hits(share, n, seed):
    return [random.Random(f"{seed} {number}").random() < share for number in range(n)]


def terms(**changes):
    return Terms(metric="accuracy", **changes)


def test_a_tie_goes_to_the_cheaper_rung_and_says_so():
    base = hits(0.86, 800, 0)
    better = [hit or number % 100 == 0 for number, hit in enumerate(base)]
    decision = decide([card("tfidf", base), card("lora", better, seconds=1.0)], terms())
    assert (decision.verdict, decision.rung) == ("ship", "tfidf")
    assert any("1e+03 times less" in reason for reason in decision.reasons)
    assert any("(n=800)" in reason for reason in decision.reasons)


def test_a_clear_winner_ships_though_it_is_dearer():
    decision = decide(
        [card("tfidf", hits(0.7, 400, 0)), card("lora", hits(0.9, 400, 1), seconds=1.0)], terms()
    )
    assert (decision.verdict, decision.rung) == ("ship", "lora")
    assert any("lora beats tfidf" in reason for reason in decision.reasons)


def test_a_relevant_difference_without_significance_asks_for_items():
    base = [number % 10 < 7 for number in range(100)]
    other = [number % 10 in (0, 1, 2, 3, 4, 5, 7, 8) for number in range(90)] + base[90:]
    decision = decide([card("tfidf", base), card("lora", other, seconds=1.0)], terms())
    assert decision.verdict == "cannot_tell"
    assert decision.rung is None
    assert decision.items_needed > 0
    assert str(decision.items_needed) in decision.reasons[0]


def test_a_dearer_rung_that_is_not_significantly_worse_raises_no_doubt():
    base = [number % 10 < 8 for number in range(400)]
    worse = [hit and number % 30 != 1 for number, hit in enumerate(base)]
    decision = decide([card("prompt", base), card("lora", worse, seconds=1.0)], terms())
    assert (decision.verdict, decision.rung) == ("ship", "prompt")


def test_five_items_decide_nothing():
    decision = decide(
        [card("tfidf", [1, 1, 1, 1, 0]), card("lora", [1, 1, 1, 1, 0], seconds=1.0)], terms()
    )
    assert decision.verdict == "cannot_tell"
    assert decision.items_needed > 5


def test_nothing_beats_the_prompt():
    decision = decide(
        [card("zero_shot", hits(0.9, 600, 0)), card("lora", hits(0.7, 600, 1), seconds=9.0)],
        terms(),
    )
    assert decision.rung == "zero_shot"
    assert any("nothing beats it" in reason for reason in decision.reasons)


def test_none_passes_when_all_fail_a_gate():
    decision = decide([card("majority", hits(0.5, 100, 0))], terms(gates=Gates(least_quality=0.9)))
    assert (decision.verdict, decision.rung) == ("none_passes", None)
    assert any("majority fails least quality" in reason for reason in decision.reasons)


def test_when_no_rung_gets_anything_right_no_number_of_items_would_help():
    cards = [card("zero_shot", [False] * 40), card("few_shot", [False] * 40, seconds=1.0)]
    decision = decide(cards, terms())
    assert (decision.verdict, decision.rung, decision.items_needed) == ("none_passes", None, None)
    assert any("any of the 40 test items" in reason for reason in decision.reasons)


def test_nothing_right_of_a_few_items_tells_nothing():
    cards = [card("zero_shot", [False] * 3), card("few_shot", [False] * 3, seconds=1.0)]
    decision = decide(cards, terms())
    assert (decision.verdict, decision.rung) == ("cannot_tell", None)
    assert decision.items_needed == 32  # none of 35 right leaves less than 10 %
    assert any("up to 56% of others might be right" in reason for reason in decision.reasons)


def test_the_best_among_those_that_pass_is_sought_and_compared():
    cards = [
        card("majority", hits(0.4, 500, 0)),
        card("tfidf", hits(0.7, 500, 1)),
        card("lora", hits(0.95, 500, 2), seconds=5.0),
    ]
    decision = decide(cards, terms(gates=Gates(most_seconds_per_call=1.0)))
    assert (decision.verdict, decision.rung) == ("ship", "tfidf")
    assert any("lora fails most seconds per call" in reason for reason in decision.reasons)


def test_forgetting_beyond_the_gate_stops_a_tuned_rung():
    lost = Retention(
        "lora", "general", Estimate(0.8, 0.7, 0.9, 100), Estimate(0.4, 0.3, 0.5, 100),
        Estimate(0.5, 0.4, 0.6, 100),
    )  # fmt: skip
    cards = [card("tfidf", hits(0.7, 400, 0)), card("lora", hits(0.95, 400, 1))]
    decision = decide(cards, terms(gates=Gates(most_forgetting=0.1)), retention=[lost])
    assert decision.rung == "tfidf"


def test_an_unknown_price_fails_a_gate_on_cost():
    free = replace(card("tfidf", hits(0.7, 100, 0)), cost_per_thousand=None)
    results = apply_gates(Gates(most_cost_per_thousand=1.0), [free], "accuracy", retention=[])
    assert not results[0].passed
    assert "unknown" in results[0].reason


def test_training_that_saves_per_call_pays_back():
    cards = [
        card("few_shot", hits(0.7, 400, 0), seconds=3.6),
        card("lora", hits(0.9, 400, 1), seconds=1.8),
    ]
    decision = decide(cards, terms(training_dollars={"lora": 6.0}))
    # half a dollar saved per thousand calls, half a dollar of training per month
    assert decision.break_even_calls_per_month == pytest.approx(1000)


def test_a_price_of_nearly_nothing_is_told_as_the_tables_tell_it():
    decision = decide([card("tfidf", hits(0.8, 100, 0), seconds=1e-5)], terms())
    assert "at <$0.001 per thousand calls" in decision.reasons[0]


def test_one_rung_alone_ships_without_a_comparison():
    decision = decide([card("tfidf", hits(0.8, 100, 0))], terms())
    assert decision.rung == "tfidf"
    assert 0 < decision.detectable_difference < 1


def test_a_rung_that_is_never_right_is_no_tie_with_one_that_seldom_is():
    seldom = [number % 50 == 0 for number in range(200)]
    cards = [card("closed-book", [False] * 200), card("retrieve", seldom, seconds=1.0)]
    decision = decide(cards, terms())
    assert decision.verdict == "cannot_tell"
    assert "retrieve" in decision.reasons[1]
    often = [number % 10 == 0 for number in range(200)]
    decision = decide([cards[0], card("retrieve", often, seconds=1.0)], terms())
    assert decision.rung == "retrieve"


@pytest.mark.parametrize("right", [[1], [1, 1, 0], [1] + [0] * 49, [1] * 5])
def test_a_lone_rung_of_which_little_is_known_asks_for_items(right):
    decision = decide([card("lora", right)], terms())
    assert decision.verdict == "cannot_tell"
    more = decide([card("lora", right * (1 + decision.items_needed // len(right) + 1))], terms())
    assert (more.verdict, more.rung) == ("ship", "lora")
    if len(right) == 1:
        return  # one call says nothing of its seconds, so the gate stops it
    other = card("big", [1] * len(right), seconds=99.0)
    gated = decide([card("lora", right), other], terms(gates=Gates(most_seconds_per_call=1)))
    assert gated.verdict == "cannot_tell"


def test_two_rungs_with_one_right_answer_are_both_hardly_known():
    once = [1] + [0] * 49
    decision = decide([card("a", once), card("b", once, seconds=1.0)], terms())
    assert (decision.verdict, decision.items_needed) == ("cannot_tell", 350)


def test_no_rung_at_all_is_an_error():
    with pytest.raises(EmptyStageError):
        decide([], terms())


def test_a_metric_that_is_not_there_is_named():
    with pytest.raises(DataError, match="no metric 'f2'; it has accuracy"):
        decide([card("tfidf", [1, 0, 1])], Terms(metric="f2"))


rung_hits = st.lists(
    st.tuples(st.floats(0.05, 0.95), st.sampled_from([0.001, 0.1, 2.0])), min_size=1, max_size=4
)
limits = st.builds(
    Gates,
    least_quality=st.none() | st.floats(0, 1),
    most_seconds_per_call=st.none() | st.sampled_from([0.01, 1.0]),
)


@st.composite
def ladders(draw):
    n = draw(st.sampled_from([5, 30, 80]))
    return [
        card(f"rung{place}", hits(share, n, draw(st.integers(0, 5))), seconds=seconds)
        for place, (share, seconds) in enumerate(draw(rung_hits))
    ]


@settings(max_examples=25)
@given(ladders(), limits)
def test_the_verdict_never_names_a_rung_that_fails_a_gate(cards, gates):
    decision = decide(cards, terms(gates=gates))
    if decision.verdict == "ship":
        assert all(gate.passed for gate in decision.gates if gate.rung == decision.rung)
        assert decision.items_needed is None
    else:
        assert decision.rung is None
    assert (decision.verdict == "cannot_tell") == (decision.items_needed is not None)
    assert decision.reasons


@settings(max_examples=20)
@given(ladders(), limits, st.randoms())
def test_the_order_of_rungs_does_not_matter(cards, gates, draw):
    results = apply_gates(gates, cards, "accuracy", retention=[])
    comparisons = compare(cards, "accuracy", eligible=passing(cards, results))
    first = recommend(cards, comparisons, results, terms=terms(gates=gates))
    mixed = draw.sample(cards, len(cards))
    shuffled = draw.sample(comparisons, len(comparisons))
    again = recommend(mixed, shuffled, results, terms=terms(gates=gates))
    assert (first.verdict, first.rung, first.reasons, first.items_needed) == (
        again.verdict, again.rung, again.reasons, again.items_needed,
    )  # fmt: skip


@settings(max_examples=20)
@given(ladders(), st.integers(2, 4))
def test_more_of_the_same_items_never_turn_a_winner_into_none(cards, times):
    before = decide(cards, terms())
    grown = [
        card(one.rung, [item.scores[0].value for item in one.items] * times,
             seconds=one.items[0].seconds)
        for one in cards
    ]  # fmt: skip
    after = decide(grown, terms())
    if before.verdict == "ship":
        assert (after.verdict, after.rung) == ("ship", before.rung)


def scored(rung, values):
    """A scorecard of partly right answers."""
    items = card(rung, [False] * len(values)).items
    return scorecard(
        rung,
        [replace(item, scores=(Score("token_f1", float(value)),))
         for item, value in zip(items, values, strict=True)],
        Task("free_text", "Say it."),
        versions={},
    )  # fmt: skip


def test_power_over_partly_right_answers_is_by_how_far_they_differ():
    draw, n = np.random.default_rng(1), 200

    def pair(gap):
        level = draw.beta(4, 4, n)
        return (np.clip(level + draw.normal(extra, 0.15, n), 0, 1) for extra in (gap, 0.0))

    told = decide([scored(name, values) for name, values in zip("ab", pair(0.0), strict=True)],
                  Terms("token_f1")).detectable_difference  # fmt: skip
    shown = [stats.paired_difference(*pair(told), seed=0).p_value < 0.05 for _ in range(100)]
    assert told < 0.08
    assert 0.7 < np.mean(shown) <= 0.95


def test_power_over_questions_of_few_documents_is_that_of_the_test_by_document():
    draw, documents, each = np.random.default_rng(2), 20, 10
    names = [f"{number:05d}" for number in range(documents * each)]
    groups = {name: f"document {number // each}" for number, name in enumerate(names)}

    def pair(gap, unlike=0.3, together=0.3):
        share = (unlike + gap) / (2 * unlike)
        size = (1 - together) / together
        won = draw.beta(share * size, (1 - share) * size, documents)
        wins = draw.random((documents, each)) < won[:, None]
        differs, both = (draw.random((documents, each)) < part for part in (unlike, 0.6))
        a, b = np.where(differs, wins, both), np.where(differs, ~wins, both)
        return a.ravel(), b.ravel()

    told = np.median([
        decide([card(name, right) for name, right in zip("ab", pair(0.0), strict=True)],
               terms(), groups=groups).detectable_difference
        for _ in range(20)
    ])  # fmt: skip
    shown = [
        stats.paired_difference(*pair(told), seed=0, clusters=list(groups.values()),
                                resamples=999).p_value < 0.05
        for _ in range(150)
    ]  # fmt: skip
    assert np.mean(shown) > 0.65


def test_more_comparisons_leave_only_larger_differences_to_be_seen():
    two = [card("a", hits(0.6, 200, 1)), card("b", hits(0.6, 200, 2), seconds=1.0)]
    three = [*two, card("c", hits(0.2, 200, 3), seconds=2.0)]
    few, many = (decide(cards, terms()).detectable_difference for cards in (two, three))
    assert many > few


def kept(suite, base, tuned, seed=0):
    whole = [stats.mean(values, bounds=(0.0, 1.0)) for values in (base, tuned)]
    return Retention("lora", suite, *whole, stats.ratio(tuned, base, seed=seed))


def forgetting(found, **known):
    gates = Gates(most_forgetting=0.03)
    (told,) = apply_gates(gates, [card("lora", [1, 0] * 9)], "accuracy", retention=found, **known)
    return told


def test_a_loss_that_is_not_shown_stops_no_rung_and_is_told():
    unsure = forgetting([kept("formats", [1] * 8 + [0] * 8, [1] * 7 + [0] * 9)])
    assert unsure.passed
    assert "not ruled out" in unsure.reason
    shown = forgetting([kept("general", [1] * 90 + [0] * 10, [1] * 50 + [0] * 50)])
    assert not shown.passed
    assert not forgetting([], tuned=["lora"]).passed
    assert forgetting([], tuned=["other"]).passed


def test_unchanged_ability_seldom_fails_the_gate():
    draw, failed = np.random.default_rng(0), 0
    for _ in range(60):
        found = []
        for suite, (items, able) in enumerate(((24, 0.5), (96, 0.6), (16, 0.5), (100, 0.4))):
            base = draw.random(items) < able
            anew = draw.random(items) < 0.1
            tuned = np.where(anew, draw.random(items) < able, base)
            if base.any():
                found.append(kept(f"{suite}", base, tuned))
        failed += not forgetting(found).passed
    assert failed <= 9


def test_a_gate_that_stopped_a_rung_is_told_whatever_the_verdict():
    cards = [card("retrieve", hits(0.5, 60, 1)), card("long", hits(0.6, 60, 2), seconds=0.01),
             card("tuned", hits(0.95, 60, 3), seconds=9.0)]  # fmt: skip
    decision = decide(cards, terms(gates=Gates(most_seconds_per_call=1)))
    assert decision.verdict == "cannot_tell"
    assert any("tuned fails most seconds per call" in reason for reason in decision.reasons)


def test_the_items_asked_for_settle_it_more_often_than_not():
    draw, settled = np.random.default_rng(4), []

    def pair(n):
        kind = draw.choice(4, size=n, p=[0.4, 0.1, 0.1, 0.4])
        return kind & 1, kind >> 1

    while len(settled) < 40:
        before = pair(100)
        first = decide([card(*one) for one in zip("ab", before, strict=True)], terms())
        if first.verdict != "cannot_tell" or first.items_needed > 2000:
            continue
        more = pair(first.items_needed)
        cards = [
            card(name, np.concatenate(parts))
            for name, parts in zip("ab", zip(before, more, strict=True), strict=True)
        ]
        settled.append(decide(cards, terms()).verdict != "cannot_tell")
    assert np.mean(settled) > 0.7


def test_a_rung_that_fails_a_gate_is_nothing_to_pay_back_against():
    cards = [card("closed-book", hits(0.3, 300, 1), seconds=0.01),
             card("big-prompt", hits(0.75, 300, 2), seconds=9.0),
             card("tuned", hits(0.74, 300, 3), seconds=0.02)]  # fmt: skip
    built = {"tuned": 5.0, "big-prompt": 0.1, "closed-book": 0.5}
    decision = decide(cards, terms(gates=Gates(most_seconds_per_call=1), training_dollars=built))
    assert decision.rung == "tuned"
    (said,) = (one for one in decision.reasons if "its training" in one)
    assert "closed-book" in said and "big-prompt" not in said
    assert "$4.50 more than that of closed-book" in said
