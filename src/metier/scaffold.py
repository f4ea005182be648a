"""A commented recipe written from a look at the data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from metier.recipe.reading import UNKNOWN
from metier.sources.column_uses import Guess, half_a_split
from metier.sources.inspect import TableShape
from metier.sources.open_table import SUFFIXES
from metier.types import TaskKind

UTF_8 = "utf-8"
_CLEANING_OF_SUFFIX = {
    ".html": ["html"],
    ".htm": ["html"],
    ".pdf": ["pdf_furniture", "hyphenation"],
}


def scaffold(shape: TableShape, data: str, recipe: Path, *, encoding: str = UTF_8) -> str:
    """The text of a recipe for ``data`` that runs as it stands where the guesses are right.

    Each guess is followed by its reason, so that a person can check it; what could not be
    guessed says what to write there.
    """
    parts = [
        f"# A recipe of metier for {_line(data)}. Run it: metier run {_line(recipe)}",
        "# Every key with its meaning: metier recipe schema",
        "",
        f'name = "{_name(data)}"',
        "seed = 0                     # every random choice starts here",
        "",
        *_source(shape, _relative(data, recipe), encoding),
        "",
        *_cleaning(shape),
        "",
        *_task(shape),
        "",
        *_split(shape),
        "",
        *_MODEL,
        "",
        *_ladder(shape),
        "",
        *_TERMS,
    ]
    return "\n".join(parts) + "\n"


def _source(shape: TableShape, path: str, encoding: str) -> list[str]:
    tables = {suffix: count for suffix, count in shape.files.items() if suffix in SUFFIXES}
    others = {suffix: count for suffix, count in shape.files.items() if suffix not in SUFFIXES}
    if not shape.columns:
        lines = ["[[sources]]", 'kind = "files"', f"paths = {_text(path)}   # {_counted(others)}"]
        return [*lines, *_left_out(tables, "table")]
    lines = ["[[sources]]", 'kind = "table"', f"path = {_text(path)}", *_left_out(others, "files")]
    if encoding != UTF_8:
        lines.append(f"encoding = {_text(encoding)}")
    rows = f"{shape.rows:,}" + ("" if shape.whole else " or more")
    lines.append(f"# {rows} rows; columns: {_line(', '.join(c.name for c in shape.columns))}")
    for use in ("text", "id", "title"):
        guessed = [guess for guess in shape.guesses if guess.use == use]
        reasons = dict.fromkeys(_line(guess.reason) for guess in guessed)
        if guessed:
            lines.append(f"{use} = {_columns(guessed)}   # {', '.join(reasons)}")
        elif use == "text":
            lines.append(f'text = "{UNKNOWN}"   # the column with the documents\' text')
    if lost := shape.lost_to_quotes:
        lines.append(f"quotes = false   # read as marks around fields they lose {lost:,} rows")
    return lines


def _counted(files: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {suffix}" for suffix, count in files.items())


def _left_out(files: Mapping[str, int], kind: str) -> list[str]:
    """What else lies there, which another source would read."""
    if not files:
        return []
    return [f'# Not read: {_counted(files)}. Another [[sources]] of kind = "{kind}" reads them.']


def _columns(guessed: Sequence[Guess]) -> str:
    names = [_text(guess.column) for guess in guessed]
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _cleaning(shape: TableShape) -> list[str]:
    steps = [s for suffix in shape.files for s in _CLEANING_OF_SUFFIX.get(suffix, [])]
    return [
        "[cleaning]",
        "# See what a step does before you trust it: metier ingest --preview 3",
        "# Steps: mail_headers, quotes, signatures, addresses, html, pdf_furniture, hyphenation,",
        "#        personal_data, whitespace",
        f"steps = {json.dumps(list(dict.fromkeys(steps)))}",
        _NO_NEAR_DUPLICATES if _shares_context(shape) else _NEAR_DUPLICATES,
    ]


def _shares_context(shape: TableShape) -> bool:
    """Whether several rows ask about one text, so that their texts are alike without repeating."""
    return shape.column_for("group") in shape.columns_for("text")


def _task(shape: TableShape) -> list[str]:
    if not shape.columns:
        return _ASKED
    label = shape.task.column if shape.task else UNKNOWN
    kind = shape.task.kind if shape.task else "classification"
    reason = f"   # {_line(shape.task.reason)}" if shape.task else ""
    lines = ["[task]", f'kind = "{kind}"{reason}']
    if shape.columns_for("text")[1:] and kind != "short_answer":
        lines.append(f'instruction = "{_COMPOSED[kind]}"')
    elif kind == "classification":
        named = "label" if label == UNKNOWN else label
        lines.append(f"instruction = {_text(f'Choose the {named} that fits this text.')}")
    elif kind == "short_answer":
        lines.append('instruction = "Answer the question in as few words as possible."')
    else:
        lines.append(f"instruction = {_text(f'Write the {label} that fits this text.')}")
    lines.append(f"label = {_text(label)}" + _NO_LABEL * (label == UNKNOWN))
    if group := shape.column_for("group"):
        lines.append(f"group = {_text(group)}   # its documents stay on one side of the split")
    if group and _shares_context(shape):
        lines += [
            "# Each row brings the text that answers it. To have it found among all texts instead:",
            f"# text = {_text(group)}, no label, a table [questions] with path, question, answer.",
        ]
    room = f"max_input_tokens = {_room(shape)}"
    return [*lines, f"{room:<28} # longer inputs are cut for the language model"]


def _room(shape: TableShape) -> int:
    """Tokens that hold most questions with what they are asked with, by four characters each."""
    lengths = {column.name: column.mean_length for column in shape.columns}
    together = shape.columns_for("text")
    if len(together) < 2:
        return 256
    wanted = 1.5 * sum(lengths[name] for name in together) / 4
    return next((room for room in (256, 512) if room >= wanted), 1024)


def _split(shape: TableShape) -> list[str]:
    lines = ["[split]"]
    drawn = "# rows_per_class = 50        # draw so many training rows for each label"
    if given := shape.column_for("split"):
        lines += ['by = "given"', f"column = {_text(given)}"]
    elif half := half_a_split(shape.columns):
        lines += [
            'by = "document"',
            f'# by = "given" with column = {_text(half)} needs rows of train and of test in it',
        ]
    elif time := shape.column_for("time"):
        lines += [
            'by = "document"',
            f'# by = "time" with column = {_text(time)} grades on the newest documents',
        ]
    else:
        lines.append('by = "document"')
    return [
        *lines,
        "test = 0.2",
        "dev = 0.1",
        *([drawn] if shape.columns else []),
        "# test_items = 500           # draw so many items to grade on",
    ]


def _ladder(shape: TableShape) -> list[str]:
    if not shape.columns:
        return _KNOWLEDGE_LADDER
    if shape.task is None or shape.task.kind == "classification":
        return _LADDER
    return _WRITTEN_LADDER


_NEAR_DUPLICATES = "near_duplicates = 0.7        # Jaccard similarity of word 5-grams; 0 keeps all"
_NO_NEAR_DUPLICATES = "near_duplicates = 0          # rows that share a text are no repetition"
_COMPOSED: dict[TaskKind, str] = {
    "classification": "Answer the question with one of the labels.",
    "free_text": "Do what is asked.",
}
_NO_LABEL = """   # the column with the right answers
# If there is none: kind = "short_answer", no label, and a table [generate]; then questions about
# the documents are written and verified (docs/docs_to_qa.md)."""
_ASKED = [
    "[task]",
    'kind = "short_answer"',
    'instruction = "Answer the question in as few words as possible. When you cannot tell, answer: '
    'I do not know."',
    "# To sort texts into classes, give them as a table: metier new TABLE looks for the labels.",
    "",
    "[generate]",
    "# Questions about the documents are written and verified; those about some documents grade",
    "# the rungs, which learn from the others. What that takes: metier generate --estimate",
    'subject = "$title"           # how questions call a document',
    "minutes = 10                 # then no more are asked",
    "# documents = 100            # ask about so many, drawn by seed; all can be looked up",
    '# teacher = "openai:MODEL@https://host/v1"   # writes more and better ones than a small model',
    "# Questions that people wrote grade better; then those above only train:",
    "# [questions]",
    '# path = "questions.csv"     # columns question and answer',
]
_MODEL = [
    "[model]",
    'base = "smollm2-135m-instruct"    # or a directory, a GGUF file, a hub name, openai:NAME@URL',
    "# A base behind a URL cannot be tuned from here: its tuned rungs are left out then.",
    'engine = "openvino"',
    'embedder = "all-minilm-l6-v2"',
]
_CHOOSE = ["# To choose:", "# [[rungs]]", '# method = "lora"', "# rank = 16"]
_LADDER = [
    "# Without [[rungs]] the whole ladder is built: majority, tfidf, embedding, zero-shot,",
    "# few-shot (random, nearest), lora and blend.",
    *_CHOOSE,
]
_WRITTEN_LADDER = [
    "# Without [[rungs]] the whole ladder is built: zero-shot, few-shot (random, nearest), lora.",
    *_CHOOSE,
]
_KNOWLEDGE_LADDER = [
    "# Without [[rungs]] the whole ladder is built: closed book, long context, retrieval alone and",
    "# with examples, a tuned adapter, and retrieval that it reads. To choose:",
    "# [[rungs]]",
    '# method = "retrieve"',
    "# k = 5",
]
_TERMS = [
    "[gates]",
    "# least_quality = 0.8",
    "# most_forgetting = 0.03     # keep 97 % of the base model on every retention suite",
    "# most_dollars_per_thousand = 0.05",
    "",
    "[prices]",
    "machine_dollars_per_hour = 0.10",
    "# calls_per_month = 100000   # then the verdict says what pays back",
]


def _name(data: str) -> str:
    stem = Path(data).name.split(".")[0]
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "specialist"


def _relative(data: str, recipe: Path) -> str:
    """Paths in a recipe are relative to it, so that folder and recipe can move together."""
    if "://" in data:
        return data
    try:
        return Path(data).absolute().relative_to(recipe.absolute().parent).as_posix()
    except ValueError:
        return str(Path(data).absolute())


def _line(value: object) -> str:
    """On one line, since a comment ends with it; names of columns may have several."""
    return " ".join(str(value).split())


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
