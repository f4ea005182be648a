"""The main text of a raw HTML page, each character with its place in the page's source."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from operator import itemgetter
from typing import ClassVar, NamedTuple

from metier.corpus.edits import Draft, Edit

_LOOKS_LIKE_HTML = re.compile(r"(?i)<(?:!doctype|html|head|body|div|p|span|table|h[1-6]|article)\b")
_TAG = re.compile(r"""</?([A-Za-z][A-Za-z0-9:-]*+)(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""")
_ENTITY = re.compile(r"&(?:#\d{1,8}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?")
_BLANKS = re.compile(r"[^\S ]\s*| \s+")
_NAME = re.compile(r"</?([A-Za-z0-9:-]*)")
_EMPTY_COMMENT = re.compile(r"<!---?>")
_COMMENT_END = re.compile(r"--!?>")
_LONGEST_TAG = 16_384
_MOST_BROKEN_TAGS = 200

_HIDDEN = frozenset(
    {"script", "style", "noscript", "template", "head", "svg", "math", "iframe", "object"}
    | {"select", "option", "datalist", "button", "nav", "aside", "footer"}
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_SELF_CLOSED = re.compile(r"(?:[\s\"']|<[A-Za-z0-9:-]+)/>$")  # not the slash that ends a bare URL
_RAW = frozenset({"script", "style"})
_BLOCKS = frozenset(
    {"address", "article", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt", "td"}
    | {"fieldset", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header"}
    | {"hr", "html", "li", "main", "nav", "ol", "p", "pre", "section", "table", "th", "tr", "ul"}
)
# Blocks of which more than this share is link text are menus; 0.5 is what jusText-like rules use.
_MOST_LINKS = 0.5


@dataclass(frozen=True, slots=True)
class Html:
    """Keep the text that a reader would read; tags, scripts and menus go.

    Where the page marks its ``<main>`` or ``<article>`` and that holds at least a quarter of the
    text, only that stays. Entities become the characters that they stand for. A text without HTML
    tags is left as it is. Pages that build their text by script have none here. What is opened
    and never closed hides nothing. A heading that is a link stays where the text below it does.
    """

    name: ClassVar[str] = "html"

    def edits(self, draft: Draft) -> list[Edit]:
        text = draft.text
        if not _LOOKS_LIKE_HTML.search(text):
            return []
        blocks = _main_blocks(_blocks(text))
        edits = []
        position = 0
        for block in blocks:
            for run in block.runs:
                joint = "" if run is not block.runs[0] else ("\n\n" if position else "")
                edits.append(Edit(position, run.start, joint))
                edits += _inner_edits(text, run)
                position = run.end
        edits.append(Edit(position, len(text)))
        return edits


class _Run(NamedTuple):
    """Text between two tags."""

    start: int
    end: int
    in_link: bool
    preformatted: bool


@dataclass(slots=True)
class _Block:
    """The runs of one paragraph, cell or item."""

    runs: list[_Run]
    in_main: bool
    heading: bool = False
    characters: int = 0
    link_characters: int = 0


class _Token(NamedTuple):
    start: int
    end: int
    tag: str
    """Empty for text."""
    closing: bool
    self_closed: bool = False


def _tokens(text: str) -> Iterator[_Token]:
    """Tags and the text between them; comments and declarations are passed over.

    Written here because ``html.parser`` and ``bs4`` lose the place of text within the source. Time
    is linear: a tag is at most 16 kB long, and a page of broken tags is read by a simpler rule.
    """
    position = 0
    broken = 0
    while position < len(text):
        start = text.find("<", position)
        if start < 0:
            start = len(text)
        if start > position:
            yield _Token(position, start, "", False)
        if start == len(text):
            return
        if text.startswith("<!--", start):
            position = _after_comment(text, start)
        elif text.startswith(("<!", "<?"), start):
            position = _after(text, ">", start)
        else:
            limit = start + _LONGEST_TAG
            match = _TAG.match(text, start, limit) if broken < _MOST_BROKEN_TAGS else None
            end = match.end() if match else text.find(">", start, limit) + 1
            if not _begins_tag(text, start) or not end:
                yield _Token(start, start + 1, "", False)
                position = start + 1
                broken += not end
                continue
            broken += match is None
            tag, closing = _tag_name(text, start)
            self_closed = tag in _HIDDEN and bool(_SELF_CLOSED.search(text[start:end]))
            yield _Token(start, end, tag, closing, self_closed)
            raw = tag in _RAW and not closing and not self_closed
            position = _after_raw(text, tag, end) if raw else end


def _begins_tag(text: str, start: int) -> bool:
    after = text[start + 1 : start + 3].lstrip("/")[:1]
    return after.isalpha()


def _tag_name(text: str, start: int) -> tuple[str, bool]:
    name = _NAME.match(text, start)
    return (name[1].lower() if name else ""), text.startswith("/", start + 1)


def _after(text: str, end: str, start: int) -> int:
    found = text.find(end, start)
    return len(text) if found < 0 else found + len(end)


def _after_comment(text: str, start: int) -> int:
    """Behind the comment; one that is never closed ends with its first ``>``, as a tag would."""
    empty = _EMPTY_COMMENT.match(text, start)
    closing = empty or _COMMENT_END.search(text, start + 4)
    return closing.end() if closing else _after(text, ">", start)


def _after_raw(text: str, tag: str, start: int) -> int:
    closing = re.compile(f"</{tag}", re.IGNORECASE).search(text, start)
    return closing.start() if closing else start


def _blocks(text: str) -> list[_Block]:
    """The page's visible text in blocks."""
    blocks: list[_Block] = []
    open_block: _Block | None = None
    depths = dict.fromkeys(("a", "pre", "main", "article"), 0)
    heading = False
    hidden = _hidden(text)
    for token in _tokens(text):
        if token.tag:
            if token.tag in _BLOCKS:
                open_block = None
                heading = token.tag in _HEADINGS and not token.closing
            if token.tag in depths:
                depths[token.tag] = max(0, depths[token.tag] + (-1 if token.closing else 1))
        elif not _covered(token.start, hidden):
            in_main = depths["main"] + depths["article"] > 0
            if open_block is None or open_block.in_main != in_main:
                open_block = _Block([], in_main, heading)
                blocks.append(open_block)
            _append(
                open_block, text, _Run(token.start, token.end, depths["a"] > 0, depths["pre"] > 0)
            )
    return [trimmed for block in blocks if (trimmed := _trimmed(block, text)).characters]


def _hidden(text: str) -> list[tuple[int, int]]:
    """Where the page shows nothing, by the nesting of tags, the outermost stretches in order.

    A closing tag also closes what was left open inside of it; what is closed nowhere hides nothing.
    """
    left_open: list[_Token] = []
    names: Counter[str] = Counter()
    found: list[tuple[int, int]] = []

    def close(end: int) -> _Token:
        opened = left_open.pop()
        names[opened.tag] -= 1
        while found and found[-1][0] >= opened.start:
            found.pop()
        found.append((opened.start, end))
        return opened

    for token in _tokens(text):
        ends_head = names["head"] and (token.tag in _BLOCKS or token.tag == "head")
        if ends_head and left_open[-1].tag == "head":  # </head> may be left out
            close(token.start)
        elif token.tag in _HIDDEN and token.closing and names[token.tag]:
            while close(token.start).tag != token.tag:
                pass
        elif token.tag in _HIDDEN and not token.closing and not token.self_closed:
            left_open.append(token)
            names[token.tag] += 1
    return found


def _covered(place: int, stretches: Sequence[tuple[int, int]]) -> bool:
    """Whether one of the stretches, which are in order, has this place."""
    at = bisect_right(stretches, place, key=itemgetter(0))
    return at > 0 and place < stretches[at - 1][1]


def _append(block: _Block, text: str, run: _Run) -> None:
    length = len("".join(text[run.start : run.end].split()))
    block.runs.append(run)
    block.characters += length
    block.link_characters += length if run.in_link else 0


def _trimmed(block: _Block, text: str) -> _Block:
    """The block without blanks at its two ends."""
    runs = block.runs
    while runs and text[runs[0].start : runs[0].end].isspace():
        runs = runs[1:]
    while runs and text[runs[-1].start : runs[-1].end].isspace():
        runs = runs[:-1]
    if not runs:
        return _Block([], block.in_main)
    first = text[runs[0].start : runs[0].end]
    runs = [runs[0]._replace(start=runs[0].end - len(first.lstrip())), *runs[1:]]
    last = text[runs[-1].start : runs[-1].end]
    runs = [*runs[:-1], runs[-1]._replace(end=runs[-1].start + len(last.rstrip()))]
    return replace(block, runs=runs)


def _main_blocks(blocks: list[_Block]) -> list[_Block]:
    total = sum(block.characters for block in blocks)
    main = [block for block in blocks if block.in_main]
    if 4 * sum(block.characters for block in main) >= total:
        blocks = main
    prose: list[_Block] = []
    below = False
    for block in reversed(blocks):
        is_menu = block.link_characters > _MOST_LINKS * block.characters
        below = not is_menu or (block.heading and below)
        if below:
            prose.append(block)
    return prose[::-1] or blocks


def _inner_edits(text: str, run: _Run) -> list[Edit]:
    """Entities become characters, and white space one blank, as a browser shows them."""
    edits = []
    for match in _ENTITY.finditer(text, run.start, run.end):
        character = unescape(match.group())
        if character != match.group():
            edits.append(Edit(*match.span(), character))
    if not run.preformatted:
        for match in _BLANKS.finditer(text, run.start, run.end):
            edits.append(Edit(*match.span(), " "))
    return edits
