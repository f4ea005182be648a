"""Writes a large, seeded CSV of tickets with quoted newlines and a few malformed rows."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

HEADER = "id,title,text,label\r\n"
LABELS = ("billing", "delivery", "account", "defect", "praise", "returns")
ONSETS = (
    "b",
    "br",
    "d",
    "f",
    "g",
    "gr",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "st",
    "t",
    "v",
)
VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ou", "é", "ü")
CODAS = ("", "", "l", "n", "nd", "r", "s", "t", "rk", "ng")
MALFORMED_EVERY = 100_000
"""One row in this many is broken, in turn: a column too many, one too few, no text, a bad byte."""


def write_csv(path: Path, *, megabytes: int, seed: int) -> int:
    """Write about ``megabytes`` (of 1e6 bytes) and return the number of rows, broken ones included.

    The length of a text is log-normal (median about 300 characters, a tail up to tens of
    thousands), a third of the texts holds line breaks, a fifth holds doubled quotes.
    """
    random_ = random.Random(seed)
    sentences = _sentences(random_)
    written = 0
    with path.open("wb") as out:
        written += out.write(HEADER.encode())
        rows = 0
        while written < megabytes * 1_000_000:
            rows += 1
            written += out.write(_row(rows, sentences, random_))
    return rows


def _sentences(random_: random.Random) -> list[str]:
    syllables = ["".join(parts) for parts in itertools.product(ONSETS, VOWELS, CODAS)]
    words = ["".join(random_.choices(syllables, k=random_.randint(1, 4))) for _ in range(8000)]
    # Zipf's law: the word of rank r is met about 1 / r as often as the first.
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
    lengths = (random_.randint(4, 24) for _ in range(20_000))
    drawn = (random_.choices(words, cum_weights=weights, k=length) for length in lengths)
    return [" ".join(sentence).capitalize() + "." for sentence in drawn]


def _row(number: int, sentences: list[str], random_: random.Random) -> bytes:
    count = max(1, min(400, round(random_.lognormvariate(1.4, 0.8))))
    start = random_.randrange(len(sentences) - count)
    kind = random_.random()
    text = ("\n" if kind < 0.33 else " ").join(sentences[start : start + count])
    if kind > 0.8:
        text = f'They wrote: ""{text}""'
    title = sentences[random_.randrange(len(sentences))][:40]
    label = LABELS[random_.randrange(len(LABELS))]
    row = f'T{number:08d},{title},"{text}",{label}\r\n'.encode()
    if number % MALFORMED_EVERY:
        return row
    return _broken(row, number // MALFORMED_EVERY % 4)


def _broken(row: bytes, way: int) -> bytes:
    if way == 0:
        return row.replace(b"\r\n", b",one too many\r\n")
    if way == 1:
        return row.rsplit(b",", 1)[0] + b"\r\n"
    number, title, rest = row.split(b",", 2)
    if way == 2:
        return b",".join((number, title, b'""', rest.rsplit(b",", 1)[1]))
    return b",".join((number, title + b"\xff", rest))
