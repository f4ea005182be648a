"""Train, dev and test, so that nothing is graded on what it learnt from."""

from __future__ import annotations

import math
import random
import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from metier.errors import DataError
from metier.types import Dataset, Example, Json, Task, content_hash

By = Literal["document", "entity", "time", "given"]
_ISO_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ].*)?)?)?$")
_GIVEN = {
    "train": ("train", "training"),
    "dev": ("dev", "val", "valid", "validation"),
    "test": ("test", "testing", "eval"),
}


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How examples are split.

    ``document`` splits by the examples' own groups, ``entity`` by a metadata column as the group,
    ``time`` by a metadata column from oldest (train) to newest (test), ``given`` as a column says
    (train, dev, test). Where classes have labels, each split gets its share of every label.
    """

    by: By = "document"
    column: str | None = None
    test: float = 0.2
    dev: float = 0.1
    per_class: int | None = None
    """Draw this many training rows for each label; the other training rows go unused."""
    dev_per_class: int | None = None
    """The same for dev; without it ``dev`` is a share."""
    test_items: int | None = None
    """Draw this many test rows at most."""


def split(
    examples: Sequence[Example], task: Task, *, plan: SplitPlan | None = None, seed: int = 0
) -> Dataset:
    """The examples as a dataset; a group never stands on two sides.

    The same examples, plan and seed give the same dataset, whatever order the examples come in.
    """
    plan = plan or SplitPlan()
    _check_plan(plan)
    labelled = task.kind == "classification"
    if labelled:
        _check_classes(examples, task)
    ordered = sorted(_with_groups(examples, plan), key=lambda example: example.id)
    _check_ids(ordered)
    parts = _divide(ordered, plan, labelled=labelled, seed=seed)
    parts = _draw(parts, plan, labelled=labelled, seed=seed)
    _check_parts(parts, labelled=labelled)
    return Dataset(task, parts.train, parts.dev, parts.test, _version(task, parts))


def fewer_rows(dataset: Dataset, rows_per_class: int) -> Dataset | None:
    """The dataset with only the first rows of each label to train on; None if it has no more."""
    seen: Counter[str] = Counter()
    kept = []
    for row in dataset.train:
        seen[row.target] += 1
        if seen[row.target] <= rows_per_class:
            kept.append(row)
    if len(kept) == len(dataset.train):
        return None
    return replace(dataset, train=tuple(kept), version=f"{dataset.version}/{rows_per_class}")


@dataclass(frozen=True, slots=True)
class _Parts:
    train: tuple[Example, ...]
    dev: tuple[Example, ...]
    test: tuple[Example, ...]


def _check_plan(plan: SplitPlan) -> None:
    if plan.by != "document" and plan.column is None:
        raise DataError(f'a split by {plan.by} needs a column: set "column"')
    if not (0 < plan.test < 1 and 0 <= plan.dev < 1 and plan.test + plan.dev < 1):
        raise DataError(
            f"test = {plan.test} and dev = {plan.dev} leave nothing to train on; "
            "use shares between 0 and 1 whose sum is below 1"
        )


def _check_classes(examples: Sequence[Example], task: Task) -> None:
    labels = {example.target for example in examples}
    if len(labels) < 2:
        only = f'only the label "{next(iter(labels))}"' if labels else "no examples"
        raise DataError(f"a classification needs two labels or more; there is {only}")
    unknown = sorted(labels - set(task.labels)) if task.labels else []
    if unknown:
        raise DataError(
            f'the label "{unknown[0]}" of the data is not among the task\'s labels '
            f"({', '.join(task.labels)}); add it there, or leave its rows out"
        )


def _check_ids(ordered: Sequence[Example]) -> None:
    for before, after in pairwise(ordered):
        if before.id == after.id:
            raise DataError(f'two examples have the id "{after.id}"; ids must be unique')


def _with_groups(examples: Sequence[Example], plan: SplitPlan) -> list[Example]:
    """The examples with the group that this plan splits by; each its own where it has none."""
    if plan.by == "entity":
        groups = [str(_column(example, plan)).strip() for example in examples]
    else:
        groups = [example.group or example.id for example in examples]
    return [replace(example, group=group) for example, group in zip(examples, groups, strict=True)]


def _column(example: Example, plan: SplitPlan) -> Json:
    assert plan.column is not None
    value = example.metadata.get(plan.column)
    if value is None or value == "":
        raise DataError(
            f'example "{example.id}" has no "{plan.column}" to split by {plan.by}; it has '
            f"{', '.join(sorted(example.metadata)) or 'no metadata'}"
        )
    return value


def _divide(examples: list[Example], plan: SplitPlan, *, labelled: bool, seed: int) -> _Parts:
    if plan.by == "given":
        return _as_given(examples, plan, labelled=labelled, seed=seed)
    if plan.by == "time":
        return _by_time(examples, plan, labelled=labelled, seed=seed)
    test, rest = _take_share(examples, plan.test, labelled=labelled, seed=seed)
    return _with_dev(rest, tuple(test), plan, labelled=labelled, seed=seed)


def _as_given(examples: list[Example], plan: SplitPlan, *, labelled: bool, seed: int) -> _Parts:
    names = {word: part for part, words in _GIVEN.items() for word in words}
    parts: dict[str, list[Example]] = {"train": [], "dev": [], "test": []}
    for example in examples:
        value = str(_column(example, plan)).strip().lower()
        if value not in names:
            raise DataError(
                f'"{plan.column}" of example "{example.id}" is "{value}"; a given split knows '
                f"{', '.join(names)}"
            )
        parts[names[value]].append(example)
    _check_given_groups(parts)
    for part in ("train", "test"):
        if not parts[part]:
            there = _listed({name: len(rows) for name, rows in parts.items()})
            raise DataError(
                f'the column "{plan.column}" has no {part} rows ({there}); write '
                f'{" or ".join(_GIVEN[part])} into some of them, or split by = "document"'
            )
    test = tuple(parts["test"])
    if parts["dev"]:
        return _Parts(tuple(parts["train"]), tuple(parts["dev"]), test)
    return _with_dev(parts["train"], test, plan, labelled=labelled, seed=seed)


def _check_given_groups(parts: Mapping[str, Sequence[Example]]) -> None:
    sides: dict[str, str] = {}
    for name, part in parts.items():
        for example in part:
            other = sides.setdefault(example.group, name)
            if other != name:
                raise DataError(
                    f'the given split has group "{example.group}" in {other} and in {name} '
                    f'(example "{example.id}"); move it to one side, or split without groups'
                )


def _by_time(examples: list[Example], plan: SplitPlan, *, labelled: bool, seed: int) -> _Parts:
    """Oldest first, by whole groups; a group is as old as its newest example.

    What is of one time stands on one side, so that all that grades is newer than what trains; test
    then has more than its share, and where none is left for dev, dev is drawn from train.

    Values are compared as numbers when all are or spell numbers, else as text, which orders ISO
    dates; a table of text has seconds since 1970 as text.
    """
    times = {example.id: _column(example, plan) for example in examples}
    numbers = {example: _number(value) for example, value in times.items()}
    numeric = None not in numbers.values()
    if numeric:
        times = dict(numbers)
    else:
        _check_dates(times, plan)
    newest: dict[str, Json] = {}
    for example in examples:
        value = times[example.id] if numeric else str(times[example.id])
        newest[example.group] = max(newest.get(example.group, value), value)
    groups = sorted(newest, key=lambda group: (newest[group], group))
    members = _members(examples)
    ordered = [example for group in groups for example in members[group]]
    if len(set(newest.values())) == 1:
        raise DataError(
            f'all {len(examples)} rows have one "{plan.column}", so none is newer than another; '
            "split by another column, or by the document"
        )
    ages = [newest[example.group] for example in ordered]
    first_test = _first_of_its_time(ages, round(len(ages) * (1 - plan.test)))
    first_dev = _first_of_its_time(ages, round(len(ages) * (1 - plan.test - plan.dev)))
    if first_dev >= first_test:
        rest, test = ordered[:first_test], tuple(ordered[first_test:])
        return _with_dev(rest, test, plan, labelled=labelled, seed=seed)
    return _Parts(
        tuple(ordered[:first_dev]),
        tuple(ordered[first_dev:first_test]),
        tuple(ordered[first_test:]),
    )


def _first_of_its_time(ages: Sequence[Json], index: int) -> int:
    """Where the time of the row at ``index`` begins; where the next does, if nothing is older."""
    age = ages[min(index, len(ages) - 1)]
    return bisect_left(ages, age) or bisect_right(ages, age)


def _number(value: Json) -> float | None:
    """The number that a value is, or spells; no ISO date spells one but a year alone."""
    if isinstance(value, (int, float)):
        return value
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None


def _check_dates(times: Mapping[str, Json], plan: SplitPlan) -> None:
    for example, value in times.items():
        if not _ISO_DATE.match(str(value)):
            raise DataError(
                f'a split by time needs numbers, or dates such as 2024-05-31, in "{plan.column}"; '
                f'example "{example}" has {str(value)[:40]!r}'
            )


def _members(examples: Iterable[Example]) -> dict[str, list[Example]]:
    members: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        members[example.group].append(example)
    return members


def _with_dev(
    pool: list[Example], test: tuple[Example, ...], plan: SplitPlan, *, labelled: bool, seed: int
) -> _Parts:
    """Dev out of what is left to train on; ``plan.dev`` is a share of all examples."""
    if plan.dev_per_class is not None and labelled:
        labels = Counter(example.target for example in pool)
        wanted = {label: min(plan.dev_per_class, count) for label, count in labels.items()}
    else:
        share = plan.dev if plan.by == "given" else plan.dev / (1 - plan.test)
        wanted = _wanted(pool, share, labelled=labelled)
    dev, train = _take(pool, wanted, labelled=labelled, seed=seed + 1)
    return _Parts(tuple(train), tuple(dev), test)


def _take_share(
    examples: list[Example], share: float, *, labelled: bool, seed: int
) -> tuple[list[Example], list[Example]]:
    return _take(
        examples, _wanted(examples, share, labelled=labelled), labelled=labelled, seed=seed
    )


def _wanted(examples: Sequence[Example], share: float, *, labelled: bool) -> dict[str, int]:
    """How many of each label; the last row of a rare one stays to train on."""
    counts = Counter(_label(example, labelled=labelled) for example in examples)
    return {
        label: min(max(1, round(count * share)), count - labelled) if share else 0
        for label, count in counts.items()
    }


def _label(example: Example, *, labelled: bool) -> str:
    return example.target if labelled else ""


def _take(
    examples: list[Example], wanted: Mapping[str, int], *, labelled: bool, seed: int
) -> tuple[list[Example], list[Example]]:
    """Whole groups in random order, each as long as it brings a wanted label nearer its number.

    A group goes in when at least half of its examples are still wanted, so that big groups do not
    overshoot. Returns what was taken and the rest, each in the order of ids.
    """
    members = _members(examples)
    groups = sorted(members)
    random.Random(seed).shuffle(groups)
    missing = Counter(wanted)
    taken: set[str] = set()
    for group in groups:
        labels = Counter(_label(example, labelled=labelled) for example in members[group])
        useful = sum(min(count, max(0, missing[label])) for label, count in labels.items())
        if useful and 2 * useful >= sum(labels.values()):
            taken.add(group)
            missing.subtract(labels)
    chosen = [example for example in examples if example.group in taken]
    return chosen, [example for example in examples if example.group not in taken]


def _draw(parts: _Parts, plan: SplitPlan, *, labelled: bool, seed: int) -> _Parts:
    """The rows to use of each part; groups need no care here, since rows only leave."""
    train, dev, test = parts.train, parts.dev, parts.test
    if labelled and plan.per_class is not None:
        train = _draw_per_class(train, plan.per_class, "train", seed)
    if labelled and plan.dev_per_class is not None:
        dev = _draw_per_class(dev, plan.dev_per_class, "dev", seed)
    if plan.test_items is not None and plan.test_items < len(test):
        test = _draw_items(test, plan.test_items, labelled=labelled, seed=seed)
    return _Parts(train, dev, test)


def _draw_per_class(
    part: Sequence[Example], number: int, name: str, seed: int
) -> tuple[Example, ...]:
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in part:
        by_label[example.target].append(example)
    short = {label: len(rows) for label, rows in sorted(by_label.items()) if len(rows) < number}
    if short:
        listed = ", ".join(f'"{label}" has {count}' for label, count in short.items())
        raise DataError(
            f"{number} {name} rows per class are wanted, but {listed}; lower the number, add rows, "
            "or take less for test and dev"
        )
    draws = random.Random(f"{seed}/{name}")
    chosen = {row.id for label in sorted(by_label) for row in draws.sample(by_label[label], number)}
    return tuple(example for example in part if example.id in chosen)


def _draw_items(
    part: Sequence[Example], number: int, *, labelled: bool, seed: int
) -> tuple[Example, ...]:
    """A draw with the labels' shares kept: labels take turns in proportion to their rows."""
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in part:
        by_label[_label(example, labelled=labelled)].append(example)
    draws = random.Random(f"{seed}/test")
    turns = []
    for label in sorted(by_label):
        rows = draws.sample(by_label[label], len(by_label[label]))
        turns += [((turn + draws.random()) / len(rows), row.id) for turn, row in enumerate(rows)]
    chosen = {row for _, row in sorted(turns)[:number]}
    return tuple(example for example in part if example.id in chosen)


def _check_parts(parts: _Parts, *, labelled: bool) -> None:
    sizes = {"train": len(parts.train), "dev": len(parts.dev), "test": len(parts.test)}
    for name in ("train", "test"):
        if not sizes[name]:
            raise DataError(
                f"the split leaves no examples for {name} ({_listed(sizes)}); there are too few "
                "examples, or one group holds nearly all: add data, or split by another column"
            )
    if labelled:
        trained = {example.target for example in parts.train}
        for name, part in (("test", parts.test), ("dev", parts.dev)):
            unseen = sorted({example.target for example in part} - trained)
            if unseen:
                raise DataError(
                    f'the label "{unseen[0]}" stands in {name} but never in train; add training '
                    "rows for it, drop it, or split in another way"
                )


def _listed(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{count} in {name}" for name, count in sizes.items())


def _version(task: Task, parts: _Parts) -> str:
    return content_hash(
        [
            [task.kind, task.instruction, task.labels, task.role],
            [
                [(row.id, row.input, row.target, row.group, *row.aliases) for row in part]
                for part in (parts.train, parts.dev, parts.test)
            ],
        ]
    )
