"""Replace personal data that has a recognisable form."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from operator import attrgetter
from typing import ClassVar

from metier.corpus.edits import Draft, Edit
from metier.corpus.steps.mail import spans_around
from metier.errors import DataError

_PLAIN = str.maketrans("\u00a0\u2007\u202f\u2010\u2011", "   --")
"""Blanks and hyphens at which no line breaks; numbers are set with them so that they stay whole."""
_DIGIT = re.compile(r"\d")
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,100}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
# In the groups in which cards print it, whatever number stands before or behind.
_CARD_GROUPS = re.compile(
    r"(?<![\w.-])(?=(\d{4}([ -])\d{4}\2\d{4}\2\d{4}|3\d{3}([ -])\d{6}\3\d{5})(?![\w-]))"
)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_IP4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IP6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"
)
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:"
    r"\+\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"  # +49 711 123-4567
    r"|(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}"  # (212) 555-1234, 212-555-1234
    # 0711 / 123 456; Vienna's 01 alone is as short as a month, and no year follows it
    r"|(?:\(0\d{1,4}\)|0\d{2,4} ?/|01 ?/(?! ?(?:19|20)\d\d\b)) ?\d{2,4}(?:[ -]?\d{2,4}){1,3}"
    r")(?![\w-])"
)
_COUNTRY = re.compile(  # ITU-T E.164; what else follows a plus is an amount
    r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|2[1-689]\d|3[578]\d|42\d|5[09]\d|6[789]\d|8[0578]\d|9[679]\d"
)
_ISSUERS = (  # first digits and lengths, after ISO/IEC 7812 and the issuers' own pages
    (re.compile("4"), {13, 16, 19}),
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), {16}),
    (re.compile("3[47]"), {15}),
    (re.compile("30[0-5]|3[689]"), {14, 16}),
    (re.compile("35[2-8]"), {16, 17, 18, 19}),
    (re.compile("6|50|5[6-8]"), {16, 17, 18, 19}),
)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Replace each find by its kind in brackets: ``[email]``, ``[phone]``, ...

    IBANs and cards must pass their checksum (ISO 7064 mod 97, Luhn), cards also an issuer's first
    digits and length, a telephone number with a plus must begin with a country's code, US social
    security numbers must be in the published ranges, so that part numbers, times and amounts stay.
    Not found: names, postal addresses, dates of birth, telephone numbers without separators or in
    national forms other than (212) 555-1234 and 0711 / 123 456, addresses spelt out ("joe at
    example dot org"), anything broken over two lines. A version number with four parts passes for
    an IP address.
    """

    kinds: tuple[str, ...] = ("email", "iban", "card", "ssn", "ip", "phone")
    """What to replace."""
    name: ClassVar[str] = "personal_data"

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(_FINDERS))
        if unknown:
            raise DataError(
                f'step "personal_data" knows no kind "{unknown[0]}"; '
                f"choose from {', '.join(_FINDERS)}"
            )

    def edits(self, draft: Draft) -> list[Edit]:
        taken: list[Edit] = []
        text = draft.text.translate(_PLAIN)  # each character stays in its place
        has_digits = _DIGIT.search(text) is not None
        # In the order of _FINDERS, the surest kind first: a later kind gets what is left over.
        for kind, finder in _FINDERS.items():
            if kind in self.kinds and (has_digits or kind == "email"):
                finds = (Edit(start, end, f"[{kind}]") for start, end in finder(text))
                taken = sorted([*taken, *_beside(finds, taken)], key=_start)
        return taken


_start = attrgetter("start")


def _beside(finds: Iterable[Edit], taken: Sequence[Edit]) -> Iterator[Edit]:
    """The finds that touch nothing of what was taken, which is in order."""
    for find in finds:
        before = bisect_left(taken, find.end, key=_start)
        if not before or taken[before - 1].end <= find.start:
            yield find


def _matches(
    pattern: re.Pattern[str], is_valid: Callable[[str], bool]
) -> Callable[[str], Iterator[tuple[int, int]]]:
    def find(text: str) -> Iterator[tuple[int, int]]:
        return (match.span() for match in pattern.finditer(text) if is_valid(match.group()))

    return find


def _always(found: str) -> bool:
    return True


def _iban_checks(found: str) -> bool:
    compact = found.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    digits = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return int(digits) % 97 == 1


def _beginnings(
    pattern: re.Pattern[str], is_valid: Callable[[str], bool]
) -> Callable[[str], Iterator[tuple[int, int]]]:
    """The same, without the last groups where only those before are valid: what follows an IBAN
    or a telephone number may have their groups' form."""

    def find(text: str) -> Iterator[tuple[int, int]]:
        for match in pattern.finditer(text):
            start, end = match.span()
            while end > start and not is_valid(text[start:end]):
                end = text.rfind(" ", start, end)
            if end > start:
                yield start, end

    return find


def _cards(text: str) -> Iterator[tuple[int, int]]:
    grouped = (found.span(1) for found in _CARD_GROUPS.finditer(text) if _is_card(found[1]))
    return iter({*_matches(_CARD, _is_card)(text), *grouped})


def _luhn_checks(found: str) -> bool:
    digits = [int(character) for character in found if character.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_card(found: str) -> bool:
    digits = "".join(filter(str.isdigit, found))
    is_issued = any(first.match(digits) and len(digits) in many for first, many in _ISSUERS)
    return is_issued and _luhn_checks(digits)


def _is_ip(found: str) -> bool:
    try:
        ip_address(found)
    except ValueError:
        return False
    # "::" alone is punctuation, "12:30:00" a time; a real IPv6 address has more than that.
    return "." in found or len(found) >= 6


def _is_phone(found: str) -> bool:
    if not 8 <= sum(character.isdigit() for character in found) <= 15:
        return False
    first = re.match(r"\+(\d+)", found)
    if first is None:
        return True
    code = _COUNTRY.fullmatch(first[1]) if len(first[1]) <= 3 else _COUNTRY.match(first[1])
    return code is not None


_FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "email": lambda text: iter(spans_around(_EMAIL, "@", text)),
    "iban": _beginnings(_IBAN, _iban_checks),
    "card": _cards,
    "ssn": _matches(_SSN, _always),
    "ip": lambda text: (
        span for pattern in (_IP4, _IP6) for span in _matches(pattern, _is_ip)(text)
    ),
    "phone": _beginnings(_PHONE, _is_phone),
}
