"""Any file of multiple-choice questions as a suite."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from metier.errors import DataError, EmptyStageError, SourceError
from metier.evaluation.suites.asking import Choosing
from metier.evaluation.suites.suite import Suite
from metier.protocols import LanguageModel
from metier.types import Answer, Example, Json, Score

COLUMNS = ("question", "choices", "answer")


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its choices; ``answer`` is the position of the right one."""

    text: str
    choices: tuple[str, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class RightChoice:
    """1 when the chosen text is the target."""

    name: str = "accuracy"

    def score(self, example: Example, answer: Answer) -> Score:
        """Score 0 or 1."""
        return Score(self.name, float(answer.text == example.target))


def multiple_choice(path: Path, *, limit: int | None = None, seed: int = 0) -> Suite:
    """The questions of a ``.csv`` or ``.jsonl`` file (also ``.gz``) as a suite named after it.

    Columns: ``question``, ``choices`` (a list; in CSV as JSON) and ``answer`` (counted from 0).
    ``limit`` draws so many questions by ``seed``. SourceError for a file that cannot be read,
    DataError with the line of a row that does not fit.
    """
    questions = [_question(path, line, row) for line, row in _rows(path)]
    if limit is not None and limit < len(questions):
        questions = random.Random(seed).sample(questions, limit)
    if not questions:
        raise EmptyStageError(f"multiple-choice suite {path}", {})
    stem = Path(path.name.removesuffix(".gz")).stem
    name = path.parent.name if stem in ("eval", "test") else stem
    return choice_suite(name, questions)


def choice_suite(name: str, questions: Sequence[Question]) -> Suite:
    """A suite of questions; the same text asked twice with other choices is asked apart."""
    examples, choices = [], {}
    for number, question in enumerate(questions):
        asked = question.text
        while asked in choices:  # the choices are found again by the text
            asked += " "
        choices[asked] = question.choices
        target = question.choices[question.answer]
        examples.append(Example(id=f"{name}-{number:04d}", input=asked, target=target))
    ask = partial(_choosing, choices=choices)
    return Suite(name, tuple(examples), (RightChoice(),), ask, given=choices)


def _choosing(model: LanguageModel, choices: Mapping[str, tuple[str, ...]]) -> Choosing:
    return Choosing(model, choices)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Json]]]:
    """Line number and columns of each row."""
    text = _read(path)
    if Path(path.name.removesuffix(".gz")).suffix == ".csv":
        reader = csv.DictReader(io.StringIO(text))
        for row in reader:
            yield reader.line_num, row
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, _json(line, path, number)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read the questions in {path}: {error}") from error


def _question(path: Path, line: int, row: Mapping[str, Json]) -> Question:
    if not isinstance(row, dict):
        raise DataError(f"{path}:{line}: a row is an object with {', '.join(COLUMNS)}, not {row!r}")
    missing = [column for column in COLUMNS if row.get(column) is None]
    if missing:
        raise DataError(
            f"{path}:{line}: no column {missing[0]!r}; a multiple-choice file has "
            f"{', '.join(COLUMNS)}, this row {', '.join(str(key) for key in row)}"
        )
    choices, answer = row["choices"], row["answer"]
    if isinstance(choices, str):
        choices = _json(choices, path, line)
    position = int(answer) if str(answer).isdecimal() else -1
    if not isinstance(choices, list) or not 0 <= position < len(choices):
        raise DataError(
            f"{path}:{line}: answer {answer!r} is no position in the choices {choices!r}; "
            "positions count from 0"
        )
    return Question(str(row["question"]), tuple(str(choice) for choice in choices), position)


def _json(text: str, path: Path, line: int) -> Json:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}:{line}: not JSON: {error}") from error
