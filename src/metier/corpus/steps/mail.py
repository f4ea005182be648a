"""What surrounds the message in mail and news: headers, quotations, signatures, addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from metier.corpus.edits import Draft, Edit

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,60}):[ \t]*")
_TEXT = re.compile(r"^[^\S\n]*\S", re.M)
# "From " without a colon heads a message in a mailbox file; other lines of prose begin so, too.
_FROM = re.compile(r"From (?=\S+ )")
_FROM_OF_MAILBOX = re.compile(
    r"From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:[A-Z][a-z]{2} +\d|\d{1,2} [A-Z])"
)
# One of these must stand in a block before it counts as headers: "Note: ..." begins prose.
_KNOWN_FIELDS = frozenset(
    {"from", "to", "cc", "subject", "date", "sender", "reply-to", "message-id", "newsgroups"}
    | {"organization", "organisation", "lines", "references", "path", "received", "return-path"}
    | {"mime-version", "content-type", "in-reply-to"}
)

# Bounded repeats behind a look-behind: each token is looked at once, whatever its length.
_ADDRESS = re.compile(
    r"<[^<>@\s]{1,250}@[^<>\s]{1,250}>"  # <user@host>, message ids
    r"|(?<![\w.+%!=&-])[\w.+%!=&-]{1,100}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}"
)
_URL = re.compile(r"(?:\bhttps?://|\bftp://|\bgopher://|\bwww\.)[^\s<>\"']{1,2000}")

_VERB = r"(?:writes?|wrote|said|says|asks|asked|responds|responded|replied|posted|mentioned)"
# ... writes:   ... wrote in <id>:   ... writes...
_ATTRIBUTION_END = re.compile(_VERB + r"(?:\s+(?:in|on)\s[^:\n]{1,120})?\s*(?::|\.{2,4}|,)?-*\s*$")
_ATTRIBUTION_START = re.compile(
    r"\s{0,3}(?:In|From|Quoting|Quoted from)\s+(?:an?\s+)?(?:previous\s+)?"
    r"(?:article|message|posting|post|<)|\s{0,3}On\s.{0,60}\d|\s{0,3}>>>>> "
)
_SENDER = re.compile(r"@|<|\(|\barticle\b|\d{1,2}[:/]\d\d|\"")
_QUOTED = re.compile(r"\s{0,4}(?:[A-Za-z]{0,4}>|\||\](?!\s*[.,;)]))")
# Signs that quote only where an attribution announces them; elsewhere they are lists or code.
_ANNOUNCED = frozenset("}:#+%=*~$@&!)")

_RULER = re.compile(r"\s*[-=_*~#+.<>|/\\ ]{4,}\s*")
_CONTACT = re.compile(
    r"@|\b(?:Internet|E-?mail|Phone|Tel|Fax|Bitnet|UUCP|CompuServe|disclaimer|my opinions?)\b"
    r"|\(?\d{3}\)?[-. /]\d{3}[-. ]\d{4}"
    r"|\b(?:opinions?|views?) (?:are|expressed)\b|\bnot (?:those of )?my employer",
    re.IGNORECASE,
)
_NAME_LINE = re.compile(r"\W{0,6}[A-Za-z][\w.'-]{0,20}(?: [A-Za-z][\w.',-]{0,20}){0,3}\W{0,4}")
_LONGEST_SIGNATURE = 12  # lines; the netiquette says 4, many do not keep to it
_LONGEST_BLOCK = 8


class Line(NamedTuple):
    """A line of a text; ``end`` is after its newline."""

    start: int
    end: int
    text: str


def lines_of(text: str) -> list[Line]:
    """The text's lines with their places; newlines alone separate them."""
    lines = []
    start = 0
    for line in text.split("\n"):
        end = min(len(text), start + len(line) + 1)
        lines.append(Line(start, end, line))
        start += len(line) + 1
    return lines


@dataclass(frozen=True, slots=True)
class MailHeaders:
    """Delete the header block at the top, but for the text of the fields to keep."""

    keep: tuple[str, ...] = ("subject",)
    """Fields whose text stays, without the field's name."""
    name: ClassVar[str] = "mail_headers"

    def edits(self, draft: Draft) -> list[Edit]:
        text = draft.text
        keep = {field.lower() for field in self.keep}
        edits: list[Edit] = []
        seen: set[str] = set()
        kept = False
        first = _TEXT.search(text)
        position = top = first.start() if first else len(text)
        while position < len(text):
            newline = text.find("\n", position)
            end = len(text) if newline < 0 else newline + 1
            field = _field(text, position, end)
            if field:
                name = _name(field)
                kept = name in keep
                seen.add(name)
            elif text[position] not in " \t" or text[position:end].isspace():
                break
            elif position == top:
                return []
            if not kept:
                edits.append(Edit(position, end))
            elif field:
                edits.append(Edit(position, field.end()))
            position = end
        return edits if seen & _KNOWN_FIELDS else []


def _field(text: str, start: int, end: int) -> re.Match[str] | None:
    """The beginning of a header in this line; "From " counts in a mailbox's form, or above one."""
    field = _FIELD.match(text, start, end)
    if field or not _FROM.match(text, start, end):
        return field
    following = _FIELD.match(text, end)
    if _FROM_OF_MAILBOX.match(text, start, end) or (
        following and _name(following) in _KNOWN_FIELDS
    ):
        return _FROM.match(text, start, end)
    return None


def _name(field: re.Match[str]) -> str:
    return "from" if field.re is _FROM else field[1].lower()


@dataclass(frozen=True, slots=True)
class Quotes:
    """Delete quoted lines and the lines that announce them ("In article <...> X writes:").

    Lines count as quoted that begin with ``>``, ``|`` or ``]``, or with another sign when the line
    after an attribution begins with it. An attribution may be wrapped over up to three lines. What
    a mail program wrapped without a sign stays.
    """

    name: ClassVar[str] = "quotes"

    def edits(self, draft: Draft) -> list[Edit]:
        lines = lines_of(draft.text)
        quoted = [bool(_QUOTED.match(line.text)) for line in lines]
        attributions = _attributions(lines, quoted)
        for sign in _announced_signs(lines, attributions):
            quoted = [
                known or line.text.lstrip().startswith(sign)
                for known, line in zip(quoted, lines, strict=True)
            ]
        return [
            Edit(line.start, line.end)
            for number, line in enumerate(lines)
            if quoted[number] or number in attributions
        ]


@dataclass(frozen=True, slots=True)
class Signatures:
    """Delete what follows the last ``--`` line, or a last block that looks like a signature.

    A last block looks like one when it is short and stands behind a ruler, or gives an address, a
    telephone number or a disclaimer, or is a single line of one to four words.
    """

    name: ClassVar[str] = "signatures"

    def edits(self, draft: Draft) -> list[Edit]:
        lines = _without_blank_end(lines_of(draft.text))
        start = _marked_signature(lines)
        if start is None:
            start = _unmarked_signature(lines)
        if start is None:
            return []
        # Many sign with their name above the signature too.
        above = _without_blank_end(lines[:start])
        name = _unmarked_signature(above)
        if name == len(above) - 1:
            start = name
        return [Edit(lines[start].start, len(draft.text))]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Delete e-mail addresses and message ids, and URLs when asked to."""

    urls: bool = False
    """Also web addresses."""
    name: ClassVar[str] = "addresses"

    def edits(self, draft: Draft) -> list[Edit]:
        edits = [Edit(*span) for span in spans_around(_ADDRESS, "@", draft.text)]
        if self.urls:
            edits += [Edit(*match.span()) for match in _URL.finditer(draft.text)]
        return edits


def spans_around(pattern: re.Pattern[str], sign: str, text: str) -> list[tuple[int, int]]:
    """Matches of a pattern that needs ``sign``, looked for only in lines that have it."""
    spans = []
    position = text.find(sign)
    while position >= 0:
        start = text.rfind("\n", 0, position) + 1
        newline = text.find("\n", position)
        end = len(text) if newline < 0 else newline
        spans += [match.span() for match in pattern.finditer(text, start, end)]
        position = text.find(sign, end)
    return spans


def _attributions(lines: Sequence[Line], quoted: Sequence[bool]) -> set[int]:
    """Numbers of the lines that say who is quoted."""
    found: set[int] = set()
    for number, line in enumerate(lines):
        if quoted[number] or number in found:
            continue
        if _ATTRIBUTION_START.match(line.text):
            last = _attribution_end(lines, number)
            if last is None and "<" in line.text and line.text.lstrip().startswith("In "):
                last = number
            if last is not None and _is_attribution(lines, quoted, number, last):
                found.update(range(number, last + 1))
        elif _ATTRIBUTION_END.search(line.text[-200:]) and _announces(lines, quoted, number):
            found.add(number)
    return found


def _is_attribution(lines: Sequence[Line], quoted: Sequence[bool], first: int, last: int) -> bool:
    """Whether lines from "On 3 May" to "said" announce what they quote; prose goes on behind."""
    text = "".join(line.text for line in lines[first : last + 1])
    closed = text.rstrip(" -").endswith((":", ".."))
    return closed or bool(_SENDER.search(text)) or _announces(lines, quoted, last)


def _attribution_end(lines: Sequence[Line], first: int) -> int | None:
    for number in range(first, min(first + 3, len(lines))):
        if not lines[number].text.strip():
            return None
        if _ATTRIBUTION_END.search(lines[number].text[-200:]):
            return number
    return None


def _announces(lines: Sequence[Line], quoted: Sequence[bool], number: int) -> bool:
    """Whether a line that ends in "writes:" names a sender or is followed by a quotation."""
    text = lines[number].text.rstrip()
    if text.endswith(":") and _SENDER.search(text):
        return True
    following = (n for n in range(number + 1, len(lines)) if lines[n].text.strip())
    after = next(following, None)
    return after is not None and after <= number + 2 and quoted[after]


def _announced_signs(lines: Sequence[Line], attributions: set[int]) -> set[str]:
    signs = set()
    for number in attributions:
        for line in lines[number + 1 : number + 3]:
            text = line.text.lstrip()
            if text:
                signs.add(text[0])
                break
    return signs & _ANNOUNCED


def _without_blank_end(lines: Sequence[Line]) -> Sequence[Line]:
    end = len(lines)
    while end and not lines[end - 1].text.strip():
        end -= 1
    return lines[:end]


def _marked_signature(lines: Sequence[Line]) -> int | None:
    earliest = max(0, len(lines) - 1 - _LONGEST_SIGNATURE)
    for number in range(len(lines) - 1, earliest - 1, -1):
        if lines[number].text.rstrip() == "--":
            return number
    return None


def _unmarked_signature(lines: Sequence[Line]) -> int | None:
    last = len(lines) - 1
    start = max(0, last)
    while start > 0 and lines[start].text.strip():
        if last - start > _LONGEST_SIGNATURE:
            return None
        start -= 1
    if start == 0:
        return None
    # A signature may be framed: then its first line is a ruler without an empty line before it.
    ruler = next((n for n in range(start + 1, last) if _is_ruler(lines[n].text)), None)
    block = lines[start + 1 :]
    if ruler is not None:
        return ruler
    return start + 1 if _looks_like_signature(block) else None


def _is_ruler(text: str) -> bool:
    return len(text.strip()) >= 4 and bool(_RULER.fullmatch(text))


def _looks_like_signature(block: Sequence[Line]) -> bool:
    if len(block) > _LONGEST_BLOCK:
        return False
    if len(block) == 1:
        return _is_name_or_address(block[0].text.strip())
    if _CONTACT.search("\n".join(line.text for line in block)):
        return _has_short_lines(block)
    return len(block) <= 3 and all(_NAME_LINE.fullmatch(line.text.strip()) for line in block)


def _is_name_or_address(text: str) -> bool:
    """A name, or an address with at most three words around it."""
    if _NAME_LINE.fullmatch(text):
        return True
    words = _ADDRESS.sub(" ", text).split()
    return len(words) <= 3 and bool(_CONTACT.search(text))


def _has_short_lines(block: Sequence[Line]) -> bool:
    """Prose fills its lines up to the last one; the lines of an address do not.

    Half of the lines at most 55 characters long is what told the two apart on 20 newsgroups.
    """
    short = sum(len(line.text.strip()) <= 55 or "  " in line.text.strip() for line in block)
    return 2 * short >= len(block)
