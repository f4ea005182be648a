"""The main text of a raw HTML page, each character with its place in the page's source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import ClassVar, NamedTuple

from metier.corpus.edits import Draft, Edit

_LOOKS_LIKE_HTML = re.compile(r"(?i)<(?:!doctype|html|head|body|div|p|span|table|h[1-6]|article)\b")
_TAG = re.compile(r"""</?([A-Za-z][A-Za-z0-9:-]*+)(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""")
_ENTITY = re.compile(r"&(?:#\d{1,8}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?")
_BLANKS = re.compile(r"[^\S ]\s*| \s+")
_NAME = re.compile(r"</?([A-Za-z0-9:-]*)")
_LONGEST_TAG = 16_384
_MOST_BROKEN_TAGS = 200

_HIDDEN = frozenset(
    {"script", "style", "noscript", "template", "head", "svg", "math", "iframe", "object"}
    | {"select", "option", "button", "nav", "aside", "footer"}
)
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
    tags is left as it is. Pages that build their text by script have none here.
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
    characters: int = 0
    link_characters: int = 0


class _Token(NamedTuple):
    start: int
    end: int
    tag: str
    """Empty for text."""
    closing: bool


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
            position = _after(text, "-->", start + 4)
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
            yield _Token(start, end, tag, closing)
            position = _after_raw(text, tag, end) if tag in _RAW and not closing else end


def _begins_tag(text: str, start: int) -> bool:
    after = text[start + 1 : start + 3].lstrip("/")[:1]
    return after.isalpha()


def _tag_name(text: str, start: int) -> tuple[str, bool]:
    name = _NAME.match(text, start)
    return (name[1].lower() if name else ""), text.startswith("/", start + 1)


def _after(text: str, end: str, start: int) -> int:
    found = text.find(end, start)
    return len(text) if found < 0 else found + len(end)


def _after_raw(text: str, tag: str, start: int) -> int:
    closing = re.compile(f"</{tag}", re.IGNORECASE).search(text, start)
    return closing.start() if closing else len(text)


def _blocks(text: str) -> list[_Block]:
    """The page's visible text in blocks."""
    blocks: list[_Block] = []
    open_block: _Block | None = None
    depths = dict.fromkeys(("a", "pre", "main", "article"), 0)
    hidden: list[str] = []
    for token in _tokens(text):
        if token.tag:
            if token.tag in _HIDDEN or token.tag == "body":
                _track_hidden(hidden, token)
            if token.tag in _BLOCKS:
                open_block = None
            if token.tag in depths:
                depths[token.tag] = max(0, depths[token.tag] + (-1 if token.closing else 1))
        elif not hidden:
            in_main = depths["main"] + depths["article"] > 0
            if open_block is None or open_block.in_main != in_main:
                open_block = _Block([], in_main)
                blocks.append(open_block)
            _append(
                open_block, text, _Run(token.start, token.end, depths["a"] > 0, depths["pre"] > 0)
            )
    return [trimmed for block in blocks if (trimmed := _trimmed(block, text)).characters]


def _track_hidden(hidden: list[str], token: _Token) -> None:
    """Follow nesting; a closing tag also closes what was left open inside of it."""
    if token.tag == "body":  # </head> may be left out
        hidden.clear()
    elif not token.closing:
        hidden.append(token.tag)
    elif token.tag in hidden:
        while hidden.pop() != token.tag:
            pass


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
    return _Block(runs, block.in_main, block.characters, block.link_characters)


def _main_blocks(blocks: list[_Block]) -> list[_Block]:
    total = sum(block.characters for block in blocks)
    main = [block for block in blocks if block.in_main]
    if 4 * sum(block.characters for block in main) >= total:
        blocks = main
    prose = [block for block in blocks if block.link_characters <= _MOST_LINKS * block.characters]
    return prose or blocks


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
