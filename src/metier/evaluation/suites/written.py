"""Suites that a model answers in writing, and rules that anyone can check: drawn by seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from metier.evaluation.scorers import Checks
from metier.evaluation.suites.asking import Writing
from metier.evaluation.suites.suite import Suite
from metier.types import Example, Json

Asked = tuple[str, Sequence[Mapping[str, Json]]]
"""What is asked, and the checks that the answer has to pass."""

Kind = Callable[[random.Random], Asked]

TOPICS = (
    "cats", "rain", "bread", "the sea", "trains", "winter", "music", "gardens", "bicycles",
    "coffee", "mountains", "horses", "books", "the moon", "apples", "birds", "rivers", "bees",
)  # fmt: skip
WORDS = (
    "window", "river", "orange", "table", "summer", "garden", "pencil", "mountain", "bridge",
    "candle", "forest", "market", "kitchen", "teacher", "island", "basket", "winter", "ladder",
)  # fmt: skip
THINGS = (
    "animals", "fruits", "colors", "countries", "vegetables", "sports", "tools", "rivers",
    "musical instruments", "kinds of weather", "school subjects", "pieces of furniture",
)  # fmt: skip
PEOPLE = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Henry", "Ida", "Jonas")
TOWNS = ("Paris", "London", "Rome", "Madrid", "Berlin", "Vienna", "Lisbon", "Oslo", "Dublin")


def instructions(seed: int, *, size: int = 24) -> Suite:
    """Instructions about length, wording and case."""
    return _suite("instructions", _INSTRUCTIONS, seed=seed, size=size, tokens=48)


def formats(seed: int, *, size: int = 16) -> Suite:
    """JSON with given keys, CSV lines, lists and dates."""
    return _suite("formats", _FORMATS, seed=seed, size=size, tokens=48)


def _suite(name: str, kinds: Sequence[Kind], *, seed: int, size: int, tokens: int) -> Suite:
    """``size`` tasks, the kinds in turn; no question twice."""
    draw = random.Random(f"{name} {seed}")
    asked: dict[str, Example] = {}
    turn = 0
    while len(asked) < size:
        text, checks = kinds[turn % len(kinds)](draw)
        turn += 1
        identity = f"{name}-{len(asked):04d}"
        asked.setdefault(text, Example(identity, text, "", metadata={"checks": list(checks)}))
    ask = partial(Writing, max_new_tokens=tokens)
    return Suite(name, tuple(asked.values()), (Checks(),), ask, given=tokens)


def _check(name: str, value: Json = None) -> Mapping[str, Json]:
    return {"check": name, "value": value}


def _about(draw: random.Random) -> Asked:
    topic = draw.choice(TOPICS)
    return f"Write one short sentence about {topic}.", [
        _check("at most words", 30),
        _check("includes", topic.split()[-1].rstrip("s")),
    ]


def _begin(draw: random.Random) -> Asked:
    name, topic = draw.choice(PEOPLE), draw.choice(TOPICS)
    return f'Write a sentence about {topic}. Start with the word "{name}".', [
        _check("starts with", name)
    ]


def _repeat(draw: random.Random) -> Asked:
    word = draw.choice(WORDS)
    return f'Repeat the word "{word}" three times.', [_check("times", [word, 3])]


def _say(draw: random.Random) -> Asked:
    name = draw.choice(PEOPLE)
    return f'Say "Good morning, {name}!"', [
        _check("includes", f"Good morning, {name}"),
        _check("at most words", 8),
    ]


def _long(draw: random.Random) -> Asked:
    return f"Write at least 25 words about {draw.choice(TOPICS)}.", [_check("at least words", 25)]


def _question(draw: random.Random) -> Asked:
    return f"Write one question about {draw.choice(TOPICS)}.", [_check("matches", r"\?")]


def _bullets(draw: random.Random) -> Asked:
    return f"Give a bulleted list of three {draw.choice(THINGS)}.", [_check("list entries", 3)]


def _numbered(draw: random.Random) -> Asked:
    return f"Give a numbered list of three {draw.choice(THINGS)}.", [
        _check("matches", r"1[.)]"),
        _check("list entries", 3),
    ]


def _object(draw: random.Random) -> Asked:
    name, age, town = draw.choice(PEOPLE), draw.randint(20, 60), draw.choice(TOWNS)
    return (
        f'{name} is {age} years old and lives in {town}. Write this as JSON with the keys "name", '
        f'"age" and "city", like {{"name": "Karl", "age": 33, "city": "Prague"}}.'
    ), [_check("json keys", ["name", "age", "city"])]


def _copy(draw: random.Random) -> Asked:
    sentence = (
        f"{draw.choice(PEOPLE)} lives in {draw.choice(TOWNS)} and likes {draw.choice(TOPICS)}."
    )
    return f"Repeat this sentence: {sentence}", [_check("includes", sentence[:-1])]


def _count(draw: random.Random) -> Asked:
    last = draw.randint(4, 12)
    return f"Count from 1 to {last}.", [
        _check("matches", r"\b" + r"\D+".join(str(number) for number in range(1, last + 1)) + r"\b")
    ]


def _one_word(draw: random.Random) -> Asked:
    return f"Name one of the {draw.choice(THINGS)} that you like. Answer in at most ten words.", [
        _check("at most words", 10)
    ]


def _name_in(draw: random.Random) -> Asked:
    name, topic = draw.choice(PEOPLE), draw.choice(TOPICS)
    return f"Write a sentence about a girl called {name} and {topic}.", [_check("includes", name)]


def _poem(draw: random.Random) -> Asked:
    return f"Write a short poem of four lines about {draw.choice(TOPICS)}.", [
        _check("matches", r"\S *\n+.*\S *\n+.*\S")
    ]


def _letter(draw: random.Random) -> Asked:
    name = draw.choice(PEOPLE)
    return f"Write a short letter to {name} about {draw.choice(TOPICS)}.", [
        _check("matches", rf"Dear (Mr\. |Ms\. |Mrs\. )?{name}")
    ]


def _mail(draw: random.Random) -> Asked:
    return f"Write an email about {draw.choice(TOPICS)} with a subject line.", [
        _check("matches", r"Subject( Line)?:")
    ]


def _function(draw: random.Random) -> Asked:
    job = draw.choice(("adds", "multiplies", "compares", "subtracts", "divides", "prints"))
    return f"Write a Python function that {job} two numbers.", [_check("matches", r"def \w+\(")]


def _query(draw: random.Random) -> Asked:
    table = draw.choice(("customers", "orders", "books", "cars", "students"))
    return f"Write an SQL query that reads all rows of the table {table}.", [
        _check("matches", rf"(?is)select.*from\s+\W?{table}")
    ]


_INSTRUCTIONS: Sequence[Kind] = (
    _say, _about, _question, _repeat, _long, _begin, _copy, _count, _one_word, _name_in,
)  # fmt: skip
_FORMATS: Sequence[Kind] = (
    _numbered, _bullets, _object, _poem, _letter, _mail, _function, _query,
)  # fmt: skip
