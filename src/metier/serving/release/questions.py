"""The example questions that a release carries, so that a router can tell which are its own."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from metier.errors import ModelFileError
from metier.store import write_text
from metier.types import Example

FILE = "questions.json"
MOST = 200
"""Of a release; in the router's benchmark six trades with 40 questions each were told apart nearly
as well as with 200."""
MOST_CHARACTERS = 2000
"""Of a question; its beginning tells whose it is."""


def save_questions(rows: Sequence[Example], directory: Path) -> None:
    """Write a draw of the training questions, each once, without their answers."""
    texts = list(dict.fromkeys(row.input[:MOST_CHARACTERS] for row in rows if row.input.strip()))
    if len(texts) > MOST:
        texts = random.Random(0).sample(texts, MOST)
    write_text(directory / FILE, json.dumps(texts, indent=1, ensure_ascii=False) + "\n")


def read_questions(directory: Path) -> tuple[str, ...]:
    """The questions in ``questions.json``, a list of texts; none where there is no such file."""
    path = directory / FILE
    if not path.is_file():
        return ()
    try:
        texts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFileError(f"{path} is no JSON ({error}); write a list of questions") from error
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ModelFileError(f"{path} is no list of texts; write one question a text")
    return tuple(text[:MOST_CHARACTERS] for text in texts if text.strip())
