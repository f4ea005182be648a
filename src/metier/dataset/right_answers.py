"""What a row gives as its right answer, in the forms in which published sets write it."""

from __future__ import annotations

from metier.types import Json


def right_answers(value: Json) -> tuple[str, ...]:
    """Every answer that counts as right, the first of them first; none where nothing is given.

    A list holds one answer an entry (Natural Questions), a list inside it the parts of one answer
    (DROP), and an object its answers under ``text`` (SQuAD as the hub has it).
    """
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    given = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(text for one in given if (text := _written(one))))


def _written(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_written, value)))
    return "" if value is None else str(value).strip()
