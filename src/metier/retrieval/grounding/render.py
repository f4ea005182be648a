"""Shows an answer with its citations and its marks, in Markdown or HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from metier.retrieval.grounding.links import page_link, safe_link
from metier.types import Answer, Grounding, GroundingChunk, Support

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!&$^])")
_LINE_START = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)
UNSUPPORTED = "no source found"
NOTHING_FOUND = "Nothing was found in the documents for this question."


def answer_in_markdown(answer: Answer) -> str:
    """The answer as a person is shown it: marked where it was checked, else its text as it is.

    A label claims nothing, nor does an abstention; an answer for which nothing was found says so.
    """
    grounding = _to_show(answer)
    return answer.text if grounding is None else to_markdown(answer.text, grounding)


def answer_in_html(answer: Answer, *, prefix: str = "source") -> str:
    """The same in HTML; ``prefix`` as in ``to_html``."""
    grounding = _to_show(answer)
    if grounding is None:
        return f'<p class="answer">{html.escape(answer.text)}</p>'
    return to_html(answer.text, grounding, prefix=prefix)


def _to_show(answer: Answer) -> Grounding | None:
    """What of the grounding a person has to see; None where the text says it all."""
    grounding = answer.grounding
    if grounding is None or answer.abstained or answer.probabilities is not None:
        return None
    return grounding if grounding.supports or _note(grounding) else None


def to_markdown(text: str, grounding: Grounding) -> str:
    """The answer with footnotes: ``[^1]`` in the text, title, link, page and quote below.

    The answer stands as plain text: no mark, link or picture that a model wrote has an effect.
    """
    notes = _footnotes(grounding)
    body = _with_marks(
        text,
        grounding,
        escape=_markdown,
        mark=lambda support: "".join(
            f"[^{number}]" for number, note in enumerate(notes, 1) if note.cites(support)
        ),
        flag=lambda shown: f"{shown} ({UNSUPPORTED})",
    )
    below = [f"[^{number}]: {_markdown_footnote(note)}" for number, note in enumerate(notes, 1)]
    return "\n\n".join(part for part in (body, _note(grounding), "\n".join(below)) if part)


def to_html(text: str, grounding: Grounding, *, prefix: str = "source") -> str:
    """The answer as a paragraph with numbered links, and the list of sources they lead to.

    ``prefix`` begins the ids of the list's entries; take another one for each answer on a page.
    """
    notes = _footnotes(grounding)
    label = re.sub(r"[^A-Za-z0-9_-]", "-", prefix)
    body = _with_marks(
        text,
        grounding,
        escape=html.escape,
        mark=lambda support: "".join(
            f'<sup><a href="#{label}-{number}">[{number}]</a></sup>'
            for number, note in enumerate(notes, 1)
            if note.cites(support)
        ),
        flag=lambda shown: f'<mark class="unsupported" title="{UNSUPPORTED}">{shown}</mark>',
    )
    items = "".join(
        f'<li id="{label}-{number}">{_html_footnote(note)}</li>'
        for number, note in enumerate(notes, 1)
    )
    sources = f'<ol class="sources">{items}</ol>' if items else ""
    note = f'<p class="note">{_note(grounding)}</p>' if _note(grounding) else ""
    return f'<p class="answer">{body}</p>{note}{sources}'


def _note(grounding: Grounding) -> str:
    """What is to be said of the search itself; "" where it found something."""
    if grounding.need is not None and not grounding.looked_up:
        likely = f"{100 * grounding.need:.0f} % likely"
        return f"Answered without the documents: needing them is {likely}."
    return "" if grounding.chunks else NOTHING_FOUND


@dataclass(frozen=True, slots=True)
class _Footnote:
    """One footnote: a place in a source."""

    place: int
    chunk: GroundingChunk
    page: int | None
    words: str

    @property
    def link(self) -> str | None:
        return safe_link(page_link(self.chunk.uri, self.page))

    @property
    def title(self) -> str:
        return " ".join((self.chunk.title or self.chunk.uri or self.chunk.span.document).split())

    def cites(self, support: Support) -> bool:
        return (self.place, self.words) in _cited(support)


def _cited(support: Support) -> list[tuple[int, str]]:
    words = support.words or ("",) * len(support.chunks)
    return list(zip(support.chunks, words, strict=True))


def _footnotes(grounding: Grounding) -> list[_Footnote]:
    """One for each place that is cited, in the order of first mention."""
    notes: dict[tuple[int, str], _Footnote] = {}
    for support in grounding.supports:
        for at, (place, words) in enumerate(_cited(support)):
            chunk = grounding.chunks[place]
            span = support.quotes[at] if support.quotes else chunk.span
            notes.setdefault((place, words), _Footnote(place, chunk, span.page, words))
    return list(notes.values())


def _with_marks(
    text: str,
    grounding: Grounding,
    *,
    escape: Callable[[str], str],
    mark: Callable[[Support], str],
    flag: Callable[[str], str],
) -> str:
    def parts() -> Iterator[str]:
        done = 0
        for support in sorted(grounding.supports, key=lambda one: one.start):
            yield escape(text[done : support.start])
            shown = escape(text[support.start : support.end])
            yield flag(shown) if support.verdict == "unsupported" else shown + mark(support)
            done = support.end
        yield escape(text[done:])

    return "".join(parts())


def _markdown_footnote(note: _Footnote) -> str:
    title = _markdown(note.title)
    linked = f"[{title}]({note.link})" if note.link else title
    return linked + "".join(_markdown(part) for part in _details(note))


def _html_footnote(note: _Footnote) -> str:
    title = html.escape(note.title)
    if note.link:
        title = f'<a href="{html.escape(note.link)}" rel="noopener nofollow">{title}</a>'
    return title + "".join(html.escape(part) for part in _details(note))


def _details(note: _Footnote) -> Iterator[str]:
    """Page, tier and quote, as far as they are known."""
    if note.page is not None:
        yield f", page {note.page}"
    if note.chunk.tier:
        yield f" ({note.chunk.tier})"
    if note.words:
        yield f": “{' '.join(note.words.split())}”"


def _markdown(text: str) -> str:
    plain = _MARKDOWN.sub(r"\\\1", text)
    return _LINE_START.sub(lambda found: f"{found[1]}{_behind(found[2])}", plain)


def _behind(start: str) -> str:
    """What would begin a list or a heading at the start of a line, with its last sign escaped."""
    return f"{start[:-1]}\\{start[-1]}"
