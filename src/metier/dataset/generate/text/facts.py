"""Facts that can be found by their form: dates, amounts, counts, doers and definitions.

High precision before recall: a sentence that leans on others (a leading pronoun, "supra", a list, a
broken line) is passed over, because its question could not stand alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from metier.dataset.generate.text.forms import (
    BODY,
    BROKEN,
    DOER,
    FOOTNOTE_NUMBER,
    FORMS,
    IS_A,
    LEANS,
    LIGHT,
    OBJECT,
    OPENER,
    PRONOUN,
    SECOND_CLAUSE,
    SECOND_VERB,
    SHORT,
    SUBORDINATE,
    TERM,
    TITLE,
    FactKind,
)
from metier.dataset.generate.text.sentences import Sentence, one_line
from metier.dataset.generate.text.verbs import PAST, Clause, clause, first_verb


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that one sentence says, cut into what is asked and what is answered."""

    kind: FactKind
    asked: str
    """The words that ask for it: ``in which year``."""
    sentence: Sentence
    text: str
    """The sentence on one line, without a footnote's number before it."""
    start: int
    """Offsets in ``text`` of the words that the question replaces."""
    end: int
    answer: str


def facts(sentences: list[Sentence]) -> list[Fact]:
    """The facts of a passage, sentence by sentence; at most one of each kind in a sentence."""
    found = [fact for sentence in sentences for fact in _in_sentence(sentence)]
    return [fact for fact in found if _is_paired(fact.asked) and _is_paired(fact.answer)]


def stands_alone(text: str) -> bool:
    """Whether a sentence is whole, and understood by who has not read the ones before."""
    letters = sum(c.isalpha() for c in text)
    return (
        6 <= len(text.split()) <= 40
        and text[:1].isupper()
        and text.endswith((".", ".”", '."'))
        and letters > 0.7 * len(text.replace(" ", ""))
        and _is_whole(text)
        and not _has_loose_pronoun(text)
        and first_verb(text) is not None
    )


def _is_whole(text: str) -> bool:
    return _is_paired(text) and not LEANS.match(text) and not BROKEN.search(text)


def _is_paired(text: str) -> bool:
    """Whether what opens is closed: a cut through a quotation or brackets leaves half of them."""
    paired = text.count("(") == text.count(")") and text.count("“") == text.count("”")
    return paired and text.count('"') % 2 == 0


def _has_loose_pronoun(text: str) -> bool:
    """A pronoun is loose when no name stands before it in the sentence."""
    match = PRONOUN.search(text)
    if match is None:
        return False
    before = text[: match.start()].split()
    return not any(word[:1].isupper() for word in before[1:]) and not TITLE.match(text)


def goes_on(rest: str) -> bool:
    """Whether the subject does a second thing: ``selected a panel and stipulated ...``."""
    return any(match["verb"] in PAST for match in SECOND_VERB.finditer(rest))


def _in_sentence(sentence: Sentence) -> Iterator[Fact]:
    text = FOOTNOTE_NUMBER.sub("", one_line(sentence.text))
    term = _term(sentence, text)
    yield from _name(sentence, text)
    if term is not None:
        yield term
    elif stands_alone(text):
        yield from _by_form(sentence, text)
        yield from _definition(sentence, text)
        yield from _said(sentence, text)


def _said(sentence: Sentence, text: str) -> Iterator[Fact]:
    """What a plain clause says, or the main clause behind its opening: ``To find out, he ...``."""
    cut, opener = clause(text), OPENER.match(text)
    if cut is not None:
        yield from _object(sentence, text, cut)
        yield from _doer(sentence, text, cut)
    elif opener is not None:
        cut = clause(text[opener.end() :])
        if cut is not None and not PRONOUN.search(cut.subject):
            for fact in _object(sentence, text, cut):
                first, rest = opener.group()[:1].lower(), opener.group()[1:]
                yield replace(fact, asked=f"{first}{rest}{fact.asked}")


def _name(sentence: Sentence, text: str) -> Iterator[Fact]:
    """``Equal Employment Opportunity Commission (EEOC)``: what do the letters stand for?"""
    found = list(SHORT.finditer(text))
    for match in found[:1]:
        said = match["a"].split()
        for size in range(2, len(said) + 1):
            name = said[-size:]
            capitals = "".join(word[0] for word in name if word[0].isupper())
            if match["short"] in (capitals, "".join(word[0].upper() for word in name)):
                asked = f"what does {match['short']} stand for"
                yield Fact("name", asked, sentence, text, *match.span("a"), " ".join(name))
                return


def _term(sentence: Sentence, text: str) -> Fact | None:
    term = TERM.search(text)
    if term is None or not text[:1].isupper() or LEANS.match(text):
        return None
    answer = term["a"].strip(" ,")
    if not _is_paired(answer):
        return None
    asked = f"what does the term “{term['term']}” mean"
    return Fact("definition", asked, sentence, text, *term.span("a"), answer)


def _by_form(sentence: Sentence, text: str) -> Iterator[Fact]:
    taken: set[str] = set()
    for kind, asked, form in FORMS:
        found = list(form.finditer(text))
        if len(found) != 1 or kind in taken:
            continue  # with two dates in a sentence "in which year" has two answers
        taken.add(kind)
        match = found[0]
        start = match.start() if kind == "date" else match.start("a")
        answer = match["a"].removeprefix("by ")
        yield Fact(kind, asked, sentence, text, start, match.end("a"), answer)


def _definition(sentence: Sentence, text: str) -> Iterator[Fact]:
    defined = IS_A.match(text)
    if defined is None or " and " in defined["term"] or PRONOUN.search(text):
        return
    if SUBORDINATE.search(defined["term"]) or first_verb(defined["term"]):
        return  # "The team may include a doctor who is a ..."
    if re.match(r"(?:An? |The )", defined["term"]):
        asked = f"what {defined['verb']} {defined['term'][:1].lower()}{defined['term'][1:]}"
        yield Fact("definition", asked, sentence, text, *defined.span("a"), defined["a"])


def _object(sentence: Sentence, text: str, cut: Clause) -> Iterator[Fact]:
    """``The court granted the motion``: what did it grant; ``because it was late``: why."""
    before, because, reason = cut.rest.partition(" because ")
    if (
        because
        and not before.rstrip(",").endswith(" that")
        and " not " not in f"{cut.verb}{before} "  # "did not win because": did it win?
        and 4 <= len(reason.split()) <= 30
        and " because " not in reason
    ):
        asked = cut._replace(rest=before.rstrip(",")).asked("why")
        yield Fact("reason", asked, sentence, text, 0, 0, f"because {reason}")
        return
    words = cut.rest.split()
    if cut.lemma is None or not 3 <= len(words) <= 30 or not OBJECT.match(cut.rest):
        return
    if re.search(r", (?:and|but|or|so) ", cut.rest) or ":" in cut.rest:
        return  # a second clause, which is no object
    if cut.lemma in LIGHT or SECOND_CLAUSE.match(cut.rest) or goes_on(cut.rest):
        return
    asked = cut._replace(rest="").asked("what")
    yield Fact("object", asked, sentence, text, 0, 0, cut.rest.strip())


def _doer(sentence: Sentence, text: str, cut: Clause) -> Iterator[Fact]:
    match = DOER.match(text)
    if match is None or match["a"] != cut.subject or PRONOUN.search(text):
        return
    if cut.verb in ("have", "are", "were") or re.search(r", and (?:the|[A-Z])", cut.rest):
        return  # "which court have": several; "granted it, and the Circuit affirmed": two
    name = match["a"]
    if name in ("The Court", "the Court"):
        return  # so courts call themselves; it names nobody
    if len(name.split()) > 1 or BODY.search(name):  # one capitalised first word may be any word
        yield Fact("doer", _who(name), sentence, text, 0, match.end("a"), name)


def _who(name: str) -> str:
    if TITLE.match(name):
        return "who"
    if name.endswith("Act"):
        return "what"
    if BODY.search(name):
        return "which court" if "Court" in name or "Circuit" in name else "which body"
    return "who or what"
