"""Dates as people write them, as ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

from metier.errors import DataError

_PARTIAL = re.compile(r"(\d{4})(?:-(\d{1,2}))?")
_MONTHS = "january february march april may june july august september october november december"
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS.split())
_ISO = r"(?<![\w-])\d{4}-\d{2}(?:-\d{2})?(?!-?\d)"
_IN_WORDS = (
    rf"(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+)?(?P<month>{_MONTH})\.?"
    r"(?:\s+(?P<day_after>\d{1,2})(?:st|nd|rd|th)?,)?\s+(?P<year>\d{4})"
)
_YEAR = r"(?:as of|in|of|on|by|since|until|before|during|at)\s+(?P<alone>(?:19|20)\d{2})(?!-?\d)"
_DATE = re.compile(rf"\b(?:(?P<iso>{_ISO})|{_IN_WORDS}|{_YEAR})\b", re.IGNORECASE)

_ALONE = r"(?:((?:19|20)\d{2})(?!-?\d)|"
_PAIR = re.compile(
    rf"\b(?:between|from)\s+{_ALONE}(?:\S+\s+){{0,2}}\S+)\s+"
    rf"(?:and|to|until|till|through)\s+{_ALONE}\S)",
    re.IGNORECASE,
)
"""Years that stand as the ends of a stretch of time, whatever the other end is."""


def iso_date(given: str | int | date) -> str:
    """``2023``, ``2023-04``, ``2023-04-25``, with or without a time, as ``2023-04-25``.

    A year or a month alone means its first day. Raises ``DataError`` for anything else, and for
    days that the calendar does not have.
    """
    if isinstance(given, date):
        return given.date().isoformat() if isinstance(given, datetime) else given.isoformat()
    text = str(given).strip()
    partial = _PARTIAL.fullmatch(text)
    try:
        if partial:
            return date(int(partial[1]), int(partial[2] or 1), 1).isoformat()
        # Of "2023-04-25T10:00:00.396Z" the date is enough.
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError as error:
        raise DataError(
            f"{text!r} is no date ({error}); write it as 2023-04-25, 2023-04 or 2023"
        ) from None


def check_as_of(given: str, earliest: str | None) -> str:
    """The date as ISO 8601; ``DataError`` when it lies before ``earliest``, where nothing was."""
    asked = iso_date(given)
    if earliest is not None and asked < earliest:
        raise DataError(
            f"as of {asked} there was nothing yet: the oldest text holds from {earliest}; "
            "ask for that day or a later one"
        )
    return asked


def date_asked(question: str, releases: Mapping[str, str] | None = None) -> str | None:
    """The date that a question names, as ISO 8601; None when it names none or several."""
    found = dates_asked(question, releases)
    return found[0] if len(found) == 1 else None


def dates_asked(question: str, releases: Mapping[str, str] | None = None) -> list[str]:
    """The dates that a question names, as ISO 8601, the earliest first.

    ``releases`` gives names such as ``v12`` their dates. Numbers that are no dates ("APT 2020")
    are left alone: a year counts after a word such as "in" or "as of" only, or as an end of
    "between 2021 and 2024".
    """
    names = releases or {}
    found = {iso_date(names[name]) for name in names if _stands_in(name, question)}
    found |= {day for match in _DATE.finditer(question) if (day := _day(match)) is not None}
    both = found | {
        iso_date(year) for match in _PAIR.finditer(question) for year in match.groups() if year
    }
    return sorted(both if len(both) > 1 else found)


def _stands_in(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?![\w]|\.\d)", text, re.IGNORECASE) is not None


def _day(match: re.Match[str]) -> str | None:
    if match["iso"] or match["alone"]:
        spelled = match["iso"] or match["alone"]
    else:
        month = [name[:3] for name in _MONTHS.split()].index(match["month"][:3].lower()) + 1
        day = match["day"] or match["day_after"]
        spelled = f"{match['year']}-{month:02}" + (f"-{int(day):02}" if day else "")
    try:
        return iso_date(spelled)
    except DataError:
        return None  # the 31st of February in a question is no reason to refuse it
