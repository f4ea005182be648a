"""Intervals equal the references, stay honest at the edges and cover what they claim."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from metier import stats
from metier.errors import DataError

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_proportion_equals_wilson_of_statsmodels(pair):
    from statsmodels.stats.proportion import proportion_confint

    successes, n = pair
    low, high = proportion_confint(successes, n, method="wilson")
    found = stats.proportion(successes, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0


@pytest.mark.parametrize("call", [lambda: stats.proportion(0, 0), lambda: stats.mean([])])
def test_no_items_is_an_error(call):
    with pytest.raises(DataError, match="at least one"):
        call()


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="1 of 2 values"):
        stats.mean([1.0, math.nan])


def test_mean_equals_student():
    x = np.random.default_rng(0).normal(size=30)
    low, high = reference.t.interval(0.95, 29, x.mean(), reference.sem(x))
    found = stats.mean(x)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_clustered_mean_equals_statsmodels():
    import statsmodels.api as sm

    draw = np.random.default_rng(1)
    clusters = draw.integers(0, 12, 90)
    x = draw.normal(size=90) + clusters
    fit = sm.OLS(x, np.ones(90)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "df_correction": True}, use_t=True
    )
    # statsmodels multiplies by (n-1)/(n-k) = 1 for one column
    low, high = fit.conf_int()[0]
    found = stats.mean(x, clusters=clusters.tolist())
    assert (found.low, found.high) == pytest.approx((low, high))


def test_values_that_hang_together_give_a_wider_interval():
    x = np.repeat(np.random.default_rng(2).integers(0, 2, 20), 10)
    apart = stats.mean(x, bounds=(0.0, 1.0))
    together = stats.mean(x, clusters=np.repeat(range(20), 10).tolist(), bounds=(0.0, 1.0))
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_a_share_by_items_and_by_clusters_of_one_are_wilson_of_as_many():
    right = [1] * 45 + [0] * 5
    apart = stats.proportion(45, 50)
    alone = stats.mean(right, clusters=range(50), bounds=(0.0, 1.0))
    assert (alone.low, alone.high) == pytest.approx((apart.low, apart.high), abs=0.01)
    halves = stats.mean([0.9] * 20 + [0.8, 1.0] * 10, bounds=(0.0, 1.0))
    assert halves.high - halves.low < 0.1


@pytest.mark.parametrize(("documents", "right"), [(15, 0.9), (40, 0.9), (40, 0.97)])
def test_shares_of_questions_about_few_documents_cover_the_truth(documents, right):
    draw = np.random.default_rng(11)
    trials, covered = 800, 0
    for _ in range(trials):
        sizes = draw.integers(1, 10, documents)
        known = draw.beta(8 * right, 8 * (1 - right), documents)
        scores = draw.random(sizes.sum()) < np.repeat(known, sizes)
        clusters = np.repeat(range(documents), sizes).tolist()
        found = stats.mean(scores, clusters=clusters, bounds=(0.0, 1.0))
        covered += found.low <= right <= found.high
    assert covered / trials > 0.92


def test_one_value_says_nothing_about_the_spread():
    assert stats.mean([0.5], bounds=(0.0, 1.0)).low == 0.0
    assert stats.mean([3.0]).high == math.inf


@example([0.0, 5e-324])
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_mean_of_bounded_values_stays_within_bounds(values):
    found = stats.mean(values, bounds=(0.0, 1.0))
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert found.high - found.low > 0


def test_equal_counts_need_no_bound_above():
    found = stats.mean([7, 7, 7], bounds=(0.0, math.inf))
    assert found.high == 7


def test_bootstrap_equals_scipy():
    x = np.random.default_rng(3).exponential(size=50)
    found = stats.bootstrap(lambda v: np.mean(v, axis=-1), x, seed=5)
    wanted = reference.bootstrap(
        (x,), np.mean, n_resamples=2000, paired=True, rng=np.random.default_rng(5)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


def test_bootstrap_of_perfect_answers_is_no_certainty():
    labels = np.arange(20) % 4
    found = stats.bootstrap(stats.macro_f1, labels, labels, seed=0, bounds=(0.0, 1.0))
    assert found.value == 1
    assert found.low == pytest.approx(stats.proportion(20, 20).low)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=2, max_size=30).filter(any))
def test_ratio_of_a_series_to_itself_is_one(values):
    found = stats.ratio(values, values, seed=0)
    assert found.value == 1
    assert found.low < 1 < found.high


def test_where_nothing_varies_clusters_and_not_items_are_counted():
    documents = [number // 20 for number in range(100)]
    found = stats.mean([1] * 100, clusters=documents, bounds=(0.0, 1.0))
    assert (found.value, found.n) == (1, 100)
    assert found.low == pytest.approx(stats.proportion(5, 5).low)
    gap = stats.paired_difference([1] * 100, [1] * 100, seed=0, clusters=documents).difference
    assert gap.high == pytest.approx(1 - found.low)


def test_ratio_to_nothing_is_an_error():
    with pytest.raises(DataError, match="mean of 0"):
        stats.ratio([1.0], [0.0], seed=0)


def test_ratio_that_cannot_rule_out_zero_below_reaches_as_far_as_both_shares_may():
    found = stats.ratio([1, 1, 1, 1], [1, 0, 0, 0], seed=0)
    assert found.high == pytest.approx(1 / stats.proportion(1, 4).low)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 24).flatmap(lambda n: st.tuples(*[st.lists(
    st.sampled_from([0.0, 0.25, 1.0]), min_size=n, max_size=n)] * 2)))  # fmt: skip
def test_every_ratio_has_finite_ends_round_its_value(pair):
    tuned, base = pair
    assume(any(base))
    found = stats.ratio(tuned, base, seed=0)
    assert 0 <= found.low <= found.value <= found.high < math.inf


def test_intervals_cover_the_truth_about_95_times_in_100():
    draw = np.random.default_rng(7)
    trials = 800

    def share(covered):
        return sum(covered) / trials

    def holds(found, truth):
        return found.low <= truth <= found.high

    wilson = [holds(stats.proportion(int(draw.binomial(60, 0.8)), 60), 0.8) for _ in range(trials)]
    student = [holds(stats.mean(draw.normal(size=20)), 0.0) for _ in range(trials)]
    paired = []
    for _ in range(trials):
        both = draw.choice(4, size=60, p=[0.5, 0.2, 0.1, 0.2])
        test = stats.paired_difference((both & 1), (both >> 1), seed=0)
        paired.append(holds(test.difference, 0.1))
    for covered in (wilson, student, paired):
        assert 0.925 <= share(covered) <= 0.98


def test_ratio_of_nothing_right_is_as_unsure_as_its_items_are_few():
    few = stats.ratio([0] * 16, [1, 0] * 8, seed=0)
    many = stats.ratio([0] * 160, [1, 0] * 80, seed=0)

    assert few.value == few.low == many.value == many.low == 0
    assert few.high == pytest.approx(stats.proportion(0, 16).high / 0.5)
    assert 0 < many.high < few.high < 1


def test_bootstrap_and_ratio_cover_roughly():
    draw = np.random.default_rng(8)
    trials, hit, kept = 120, 0, 0
    truth = _true_macro_f1()
    for trial in range(trials):
        targets = draw.integers(0, 3, 150)
        said = np.where(draw.random(150) < 0.7, targets, draw.integers(0, 3, 150))
        found = stats.bootstrap(stats.macro_f1, said, targets, seed=trial, resamples=400)
        hit += found.low <= truth <= found.high
        base = draw.random(100) < 0.6
        tuned = base & (draw.random(100) < 0.9)
        quotient = stats.ratio(tuned, base, seed=trial)
        kept += quotient.low <= 0.9 <= quotient.high
    assert hit / trials > 0.88
    assert kept / trials > 0.88


def _true_macro_f1():
    draw = np.random.default_rng(9)
    targets = draw.integers(0, 3, 400_000)
    said = np.where(draw.random(400_000) < 0.7, targets, draw.integers(0, 3, 400_000))
    return float(stats.macro_f1(said, targets))
