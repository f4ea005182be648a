"""Replace personal data that has a recognisable form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar

from metier.corpus.edits import Draft, Edit
from metier.corpus.steps.mail import spans_around
from metier.errors import DataError

_DIGIT = re.compile(r"\d")
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,100}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_IP4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\d)")
_IP6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"
)
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:"
    r"\+\d{1,3}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"  # +49 711 123-4567
    r"|(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}"  # (212) 555-1234, 212-555-1234
    r"|(?:\(0\d{1,4}\)|0\d{1,4} ?/) ?\d{2,4}(?:[ -]?\d{2,4}){1,3}"  # 0711 / 123 456
    r")(?![\w-])"
)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Replace each find by its kind in brackets: ``[email]``, ``[phone]``, ...

    IBANs and cards must pass their checksum (ISO 7064 mod 97, Luhn), US social security numbers
    the published ranges, so that part numbers stay. Not found: names, postal addresses, dates of
    birth, telephone numbers without separators, addresses spelt out ("joe at example dot org"),
    anything broken over two lines. A version number with four parts passes for an IP address.
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
        has_digits = _DIGIT.search(draft.text) is not None
        # In the order of _FINDERS, the surest kind first: a later kind gets what is left over.
        for kind, finder in _FINDERS.items():
            if kind in self.kinds and (has_digits or kind == "email"):
                finds = [Edit(start, end, f"[{kind}]") for start, end in finder(draft.text)]
                taken += [find for find in finds if not _overlaps(find, taken)]
        return taken


def _overlaps(edit: Edit, others: list[Edit]) -> bool:
    return any(edit.start < other.end and other.start < edit.end for other in others)


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


def _luhn_checks(found: str) -> bool:
    digits = [int(character) for character in found if character.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_ip(found: str) -> bool:
    try:
        ip_address(found)
    except ValueError:
        return False
    # "::" alone is punctuation, "12:30:00" a time; a real IPv6 address has more than that.
    return "." in found or len(found) >= 6


def _phone_has_digits(found: str) -> bool:
    return 8 <= sum(character.isdigit() for character in found) <= 15


_FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "email": lambda text: iter(spans_around(_EMAIL, "@", text)),
    "iban": _matches(_IBAN, _iban_checks),
    "card": _matches(_CARD, _luhn_checks),
    "ssn": _matches(_SSN, _always),
    "ip": lambda text: (
        span for pattern in (_IP4, _IP6) for span in _matches(pattern, _is_ip)(text)
    ),
    "phone": _matches(_PHONE, _phone_has_digits),
}
