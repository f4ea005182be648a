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
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


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
    return Suite(name, tuple(asked.values()), (Checks(),), partial(Writing, max_new_tokens=tokens))


def _check(name: str, value: Json = None) -> Mapping[str, Json]:
    return {"check": name, "value": value}


def _about(draw: random.Random) -> Asked:
    topic = draw.choice(TOPICS)
    return f"Write one short sentence about {topic}.", [
        _check("at most words", 30),
        _check("includes", topic.split()[-1].rstrip("s")),
    ]


def _capitals(draw: random.Random) -> Asked:
    word = draw.choice(WORDS)
    return f'Write the word "{word}" in capital letters.', [_check("matches", word.upper())]


def _lower(draw: random.Random) -> Asked:
    word = draw.choice(WORDS).upper()
    return f'Write the word "{word}" in lower case.', [_check("matches", word.lower())]


def _both_words(draw: random.Random) -> Asked:
    first, second = draw.sample(WORDS, 2)
    return f'Write a sentence with the words "{first}" and "{second}".', [
        _check("includes", first),
        _check("includes", second),
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


def _avoid(draw: random.Random) -> Asked:
    topic = draw.choice(TOPICS)
    return f'Write a sentence about {topic} without the word "very".', [
        _check("includes", topic.split()[-1].rstrip("s")),
        _check("avoids", "very"),
    ]


def _question(draw: random.Random) -> Asked:
    return f"Write one question about {draw.choice(TOPICS)}.", [_check("matches", r"\?")]


def _shout(draw: random.Random) -> Asked:
    return f"Write a sentence about {draw.choice(TOPICS)} in capital letters only.", [
        _check("upper case")
    ]


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
    ), [_check("json keys", ["name", "age", "city"]), _check("includes", name)]


def _row(draw: random.Random) -> Asked:
    name, age, town = draw.choice(PEOPLE), draw.randint(20, 60), draw.choice(TOWNS)
    return (
        f"Write one line of CSV with name, age and city, like Karl,33,Prague. "
        f"The name is {name}, the age is {age}, the city is {town}."
    ), [_check("matches", rf"{name}, ?{age}, ?{town}")]


def _date(draw: random.Random) -> Asked:
    day, month, year = draw.randint(1, 28), draw.randrange(12), draw.randint(1990, 2020)
    return (
        f"Write dates as YYYY-MM-DD. 5 March 2001 is 2001-03-05. "
        f"What is {day} {MONTHS[month]} {year}?"
    ), [_check("matches", f"{year}-{month + 1:02d}-{day:02d}")]


def _commas(draw: random.Random) -> Asked:
    words = draw.sample(WORDS, 3)
    return f"Write these words separated by commas: {' '.join(words)}", [
        _check("matches", rf"{words[0]}, ?{words[1]},? (and )?{words[2]}")
    ]


def _quoted(draw: random.Random) -> Asked:
    word = draw.choice(WORDS)
    return f"Write the word {word} between two asterisks, like *apple*.", [
        _check("matches", rf"\*{word}\*")
    ]


def _titled(draw: random.Random) -> Asked:
    return f"Write a Markdown heading and one sentence about {draw.choice(TOPICS)}.", [
        _check("matches", r"(?m)^#+ \w")
    ]


_INSTRUCTIONS: Sequence[Kind] = (
    _about, _capitals, _lower, _both_words, _begin, _repeat, _say, _long, _avoid, _question,
    _shout,
)  # fmt: skip
_FORMATS: Sequence[Kind] = (
    _bullets, _numbered, _object, _row, _date, _commas, _quoted, _titled,
)  # fmt: skip
