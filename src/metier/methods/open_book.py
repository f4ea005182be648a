"""How passages stand before a question, in tuning, in evaluation and in serving."""

from __future__ import annotations

from collections.abc import Sequence

from metier.types import Chunk


def open_book(passages: Sequence[Chunk], text: str) -> str:
    """The question after its passages, numbered from 1 as citations number them.

    The passages come first, so that questions about the same ones share a prefix. A passage's
    lines are indented: none of them can look like the next passage, or like the question.
    """
    shown = [
        f"[{number}] {_inline(passage.title)}\n{_indented(passage.text)}"
        for number, passage in enumerate(passages, start=1)
    ]
    return "\n\n".join([*shown, text])


def _inline(text: str) -> str:
    return " ".join(text.split())


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
