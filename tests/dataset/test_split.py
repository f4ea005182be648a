"""Splits keep groups together, labels balanced, and are the same for the same seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.dataset.split import SplitPlan, split
from metier.errors import DataError
from metier.types import Example, Task

LABELS = Task("classification", "Which one?", ("a", "b", "c"))
TEXT = Task("free_text", "Answer.")


def examples(count: int, *, labels: str = "ab", groups: int | None = None, **metadata):
    return [
        Example(
            f"e{n:04}",
            f"input {n}",
            labels[n % len(labels)],
            group=f"g{n % groups}" if groups else "",
            metadata={key: value(n) for key, value in metadata.items()},
        )
        for n in range(count)
    ]


def groups_of(part):
    return {example.group for example in part}


plans = st.builds(
    SplitPlan,
    by=st.sampled_from(["document", "entity", "time"]),
    column=st.just("key"),
    test=st.floats(0.1, 0.5),
    dev=st.floats(0.0, 0.4),
    test_items=st.none() | st.integers(1, 20),
)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=5), plans, st.integers(0, 9)
)
def test_groups_never_cross(rows, plan, seed):
    given = [
        Example(f"e{n}", "x", "t", group=f"g{group}", metadata={"key": key})
        for n, (group, key) in enumerate(rows)
    ]
    try:
        dataset = split(given, TEXT, plan=plan, seed=seed)
    except DataError:
        return
    train, dev, test = map(groups_of, (dataset.train, dataset.dev, dataset.test))
    assert not train & test and not dev & test and not train & dev
    ids = [example.id for part in (dataset.train, dataset.dev, dataset.test) for example in part]
    assert len(ids) == len(set(ids)) and set(ids) <= {example.id for example in given}
    if plan.test_items is None:
        assert len(ids) == len(given)


@given(st.permutations(examples(12)), st.integers(0, 3))
def test_the_order_of_examples_does_not_matter(shuffled, seed):
    assert split(shuffled, LABELS, seed=seed) == split(examples(12), LABELS, seed=seed)


def test_labels_have_their_share_everywhere():
    dataset = split(examples(200, labels="aaab"), LABELS, seed=1)
    assert [len(part) for part in (dataset.train, dataset.dev, dataset.test)] == [140, 20, 40]
    assert Counter(example.target for example in dataset.test) == {"a": 30, "b": 10}
    assert Counter(example.target for example in dataset.dev) == {"a": 15, "b": 5}


@pytest.mark.parametrize("seed", range(5))
def test_the_last_row_of_a_rare_label_stays_to_train_on(seed):
    rare = [Example("r0", "x", "one"), *(Example(f"t{n}", "x", "two") for n in range(2))]
    task = Task("classification", "Which one?", ("a", "b", "one", "two"))
    dataset = split([*examples(60), *rare], task, plan=SplitPlan(test=0.2, dev=0.1), seed=seed)
    assert {row.target for row in dataset.train} == {"a", "b", "one", "two"}
    assert Counter(row.target for row in dataset.test)["two"] == 1


def test_another_seed_is_another_split_and_version():
    first, second = (split(examples(50), LABELS, seed=seed) for seed in (1, 2))
    assert first.test != second.test
    assert first.version != second.version


def test_rows_are_drawn_per_class():
    plan = SplitPlan(per_class=5, dev_per_class=3, test_items=11)
    dataset = split(examples(100, labels="aab"), LABELS, plan=plan, seed=3)
    assert Counter(example.target for example in dataset.train) == {"a": 5, "b": 5}
    assert Counter(example.target for example in dataset.dev) == {"a": 3, "b": 3}
    assert len(dataset.test) == 11
    other = split(examples(100, labels="aab"), LABELS, plan=plan, seed=4)
    assert other.train != dataset.train


def test_a_given_split_is_honoured_and_dev_comes_out_of_train():
    rows = examples(60, labels="abc", part=lambda n: "Test" if n >= 40 else "train")
    plan = SplitPlan(by="given", column="part", dev=0.25)
    dataset = split(rows, LABELS, plan=plan, seed=1)
    assert {example.id for example in dataset.test} == {example.id for example in rows[40:]}
    assert (len(dataset.train), len(dataset.dev)) == (30, 10)


def test_time_goes_from_train_to_test():
    rows = examples(20, year=lambda n: 2000 + (n * 7) % 20)
    dataset = split(rows, LABELS, plan=SplitPlan(by="time", column="year"))
    newest_train = max(example.metadata["year"] for example in dataset.train)
    assert newest_train < min(example.metadata["year"] for example in dataset.dev)
    assert {example.metadata["year"] for example in dataset.test} == {2016, 2017, 2018, 2019}


@pytest.mark.parametrize(
    ("rows", "plan", "message"),
    [
        (examples(9, labels="a"), SplitPlan(), 'only the label "a"'),
        ([], SplitPlan(), "no examples"),
        (examples(9, labels="ax"), SplitPlan(), 'label "x".*not among the task'),
        (examples(20), SplitPlan(per_class=9), '9 train rows per class.*"a" has 7'),
        (examples(20), SplitPlan(by="entity"), "needs a column"),
        (examples(20), SplitPlan(by="entity", column="x"), 'has no "x" to split by entity'),
        (examples(20), SplitPlan(test=0.9, dev=0.2), "leave nothing to train on"),
        (examples(20, groups=1), SplitPlan(), "no examples for test|no examples for train"),
        (examples(4) + examples(4), SplitPlan(), 'two examples have the id "e0000"'),
        (examples(9, s=lambda n: "what"), SplitPlan(by="given", column="s"), "knows train"),
        (
            examples(9, groups=2, s=lambda n: "test" if n > 4 else "train"),
            SplitPlan(by="given", column="s"),
            'group "g.*move it to one side',
        ),
        (
            examples(9, labels="aaaaaaaab", s=lambda n: "test" if n > 4 else "train"),
            SplitPlan(by="given", column="s"),
            'label "b" stands in test but never in train',
        ),
    ],
)
def test_what_cannot_be_split_names_its_mend(rows, plan, message):
    with pytest.raises(DataError, match=message):
        split(rows, LABELS, plan=plan)


def test_a_split_by_time_refuses_what_is_no_date():
    rows = examples(6, when=lambda n: "last spring")
    with pytest.raises(DataError, match=r"dates such as 2024-05-31.*'last spring'"):
        split(rows, LABELS, plan=SplitPlan(by="time", column="when"))


def test_rows_of_one_time_stand_on_one_side():
    rows = examples(60, year=lambda n: 2020 + n // 20)
    dataset = split(rows, TEXT, plan=SplitPlan(by="time", column="year", test=0.2, dev=0.2))
    parts = (dataset.train, dataset.dev, dataset.test)
    assert [{row.metadata["year"] for row in part} for part in parts] == [{2020}, {2021}, {2022}]
    plan = SplitPlan(by="time", column="year")
    for old in (6, 34):
        rows = examples(40, year=lambda n, old=old: 2020 + (n >= old))
        dataset = split(rows, TEXT, plan=plan)
        assert {row.metadata["year"] for row in dataset.test} == {2021}
        assert {row.metadata["year"] for row in (*dataset.train, *dataset.dev)} == {2020}
        assert len(dataset.test) == 40 - old and dataset.dev
    plan = SplitPlan(by="time", column="day")
    with pytest.raises(DataError, match='all 60 rows have one "day"'):
        split(examples(60, day=lambda n: "2024-05-31"), TEXT, plan=plan)


def test_blanks_around_it_make_no_other_entity():
    rows = examples(40, firm=lambda n: f"firm {n // 4}" + " " * (n % 2))
    dataset = split(rows, TEXT, plan=SplitPlan(by="entity", column="firm"))
    firms = [
        {row.metadata["firm"].strip() for row in part} for part in (dataset.train, dataset.test)
    ]
    assert not firms[0] & firms[1]


@pytest.mark.parametrize(("part", "missing"), [("train", "test"), ("test", "train")])
def test_a_given_split_without_one_side_names_its_column(part, missing):
    plan = SplitPlan(by="given", column="fold")
    with pytest.raises(DataError, match=f'the column "fold" has no {missing} rows .*{missing}ing'):
        split(examples(9, fold=lambda n: part), TEXT, plan=plan)


def test_seconds_in_a_table_of_text_are_numbers():
    plan = SplitPlan(by="time", column="at", test=0.25, dev=0.25)
    dataset = split(examples(8, at=lambda n: str(10 ** (n + 1) + 0.5)), TEXT, plan=plan)
    assert [row.id for row in dataset.test] == ["e0006", "e0007"]
    with pytest.raises(DataError, match="needs numbers, or dates"):
        split(examples(8, at=lambda n: "nan"), TEXT, plan=plan)
