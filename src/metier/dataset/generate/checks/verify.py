"""The checks that a row must pass, the cheap ones first; the first that fails gives the reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from metier.dataset.generate.checks.duplicates import Asked
from metier.dataset.generate.checks.evidence import Place, locate, sentence_around
from metier.dataset.generate.checks.kinds import full_answer_problem, kind_problem
from metier.dataset.generate.checks.reader import Reader
from metier.dataset.generate.menu import WRITTEN_IN_FULL
from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.text.passage import names
from metier.dataset.generate.text.sentences import one_line, words
from metier.dataset.generate.text.wording import bare
from metier.dataset.generate.writers.answer import is_not_said
from metier.dataset.generate.writers.patterns import BY_RULE
from metier.protocols import SupportChecker
from metier.retrieval.grounding.claims import as_claim
from metier.retrieval.store.words import terms
from metier.types import Verdict

_POINTS_AT_TEXT = re.compile(
    r"\b(?:the|this|that|these|above|given|following|preceding|quoted|provided) "
    r"(?:above |given |following |first |last |second |previous |provided )?"
    r"(?:text|passage|paragraph|excerpt|sentences?|article|document|section above|statement above|"
    r"context|snippet|quote)\b|\b(?:mentioned|described|stated|discussed) (?:above|below|here)\b|"
    r"\bthe author\b|\baccording to (?:the|this) (?:text|passage)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:he|she|it|they|him|them|his|her|hers|its|their|theirs)\b", re.IGNORECASE
)
_THIS = re.compile(r"\b(?:this|these|those|such) (?!year|month|date)\w+", re.IGNORECASE)
_LEANS = re.compile(
    r"\b(?:nonetheless|nevertheless|therefore|thus|accordingly|instead)\b|"
    r"\bthe (?:first|second|third|former|latter|other) (?:argument|case|citation|claim|example|"
    r"factor|issue|one|part|point|question|reason)s?\b",
    re.IGNORECASE,
)
"""What goes on from a sentence before, which the question does not show."""
_REPETITION = re.compile(r"\b(\w+(?: \w+){0,5})(?:[ ,.]+\1\b){3}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checks:
    """Who verifies, and against what was kept before."""

    plan: GenerationPlan
    reader: Reader
    checker: SupportChecker
    asked: Asked


def verify(proposals: Sequence[Proposal], checks: Checks) -> list[Proposal]:
    """Every proposal with the verdicts of its checks, up to the first that fails."""
    judged = [_alone(p) for p in proposals]
    judged = _supported(judged, checks)
    judged = _read_again(judged, checks)
    for place, proposal in enumerate(judged):
        if proposal.dropped is None:
            repeats = checks.asked.repeats(proposal)
            reason = "asks what another question asks"
            judged[place] = proposal.judged(_verdict("duplicate", not repeats, reason))
            if not repeats:
                checks.asked.add(proposal)
    return judged


def _alone(proposal: Proposal) -> Proposal:
    """The checks that need no model."""
    if proposal.dropped is not None:
        return proposal
    for check, problem in (
        ("form", _form_problem(proposal)),
        ("self-contained", _context_problem(proposal)),
    ):
        proposal = proposal.judged(_verdict(check, problem is None, problem or ""))
        if problem is not None:
            return proposal
    if proposal.kind == "unanswerable":
        return _absent(proposal)
    return _of_the_kind(_with_evidence(proposal))


def _of_the_kind(proposal: Proposal) -> Proposal:
    if proposal.dropped is not None:
        return proposal
    shown = " ".join(proposal.quotes)
    if proposal.kind in WRITTEN_IN_FULL:
        sentence = _bare(proposal).partition("“")[2].rpartition("”")[0]
        problem = full_answer_problem(proposal.kind, sentence, proposal.answer)
    else:
        problem = kind_problem(_bare(proposal), proposal.answer, shown)
    return proposal.judged(_verdict("kind", problem is None, problem or ""))


def _form_problem(proposal: Proposal) -> str | None:
    question, answer = proposal.question, proposal.answer
    ends = question.endswith(("?", "？"))
    if not ends or len(terms(question)) < 3 or len(question.split()) > 90:
        return "the question is no question"
    if not words(answer):
        return "the answer is empty"
    if _REPETITION.search(answer) or _REPETITION.search(question):
        return "the model repeats itself"
    if is_not_said(answer) != (proposal.kind == "unanswerable"):
        found = "the answerer finds no answer", "the answerer finds an answer"
        return found[proposal.kind == "unanswerable"]
    said = " ".join(words(question))  # with the document's name, which may be the answer
    if proposal.kind not in WRITTEN_IN_FULL and f" {' '.join(words(answer))} " in f" {said} ":
        return "the question gives its answer away"
    return None


def _context_problem(proposal: Proposal) -> str | None:
    bare = _bare(proposal)
    if _POINTS_AT_TEXT.search(bare):
        return "the question points at a text"
    subject = proposal.passage.subject
    if subject and subject.casefold() not in proposal.question.casefold():
        return "the question does not name what it is about"
    if not subject and not names(bare[1:]) and bare.upper() != bare.lower():
        return "the question does not name what it is about"
    if proposal.kind == "rewrite":
        return None  # it shows its sentence
    if _LEANS.search(bare):
        return "the question goes on from another sentence"
    pronoun = _PRONOUN.search(bare)
    if pronoun and not any(w[:1].isupper() for w in bare[: pronoun.start()].split()[1:]):
        return "a pronoun in the question has no name before it"
    if _THIS.search(bare) and not names(bare[1:]):
        return "the question points at a text"
    return None


def _absent(proposal: Proposal) -> Proposal:
    """The document does not say: a name that the question asks about never occurs in it."""
    text = one_line(proposal.passage.document.text).casefold()
    about = [n for n in names(_bare(proposal)[1:]) if n.casefold() not in text]
    reason = "everything that the question names is in the document"
    return proposal.judged(_verdict("absent", bool(about), reason))


def _with_evidence(proposal: Proposal) -> Proposal:
    """Quotes to offsets; an answer without a quote is looked for itself."""
    passage, text = proposal.passage, proposal.passage.chunk.text
    if proposal.places:
        found = [Place(*place) for place in proposal.places]
    else:
        found = [place for quote in proposal.quotes if (place := locate(quote, text))]
        if not proposal.quotes and (place := locate(proposal.answer, text)):
            found = [place]
    reason = "the evidence is not in the source" if proposal.quotes else "no evidence is given"
    if not found:
        return proposal.judged(_verdict("evidence", False, reason))
    places = tuple(dict.fromkeys(sentence_around(place, passage.sentences) for place in found))
    return replace(
        proposal,
        places=tuple((place.start, place.end) for place in places),
        evidence=tuple(passage.span(*place) for place in places),
        quotes=tuple(text[place.start : place.end] for place in places),
    ).judged(Verdict("evidence", True))


def _supported(proposals: list[Proposal], checks: Checks) -> list[Proposal]:
    places = [i for i, p in enumerate(proposals) if _has_to_be_judged(p)]
    pairs = [_claim(proposals[i]) for i in places]
    scores = checks.checker.support(pairs) if pairs else []
    for place, score in zip(places, scores, strict=True):
        passed = score >= checks.plan.support
        reason = "the evidence does not support the answer"
        proposals[place] = proposals[place].judged(_verdict("support", passed, reason, score))
    return proposals


def _has_to_be_judged(proposal: Proposal) -> bool:
    """A rule's row has its answer in its evidence by construction; "[May 17, 2010]" alone says to
    no checker that it is a date of decision, but the rule's author does."""
    return proposal.dropped is None and bool(proposal.evidence) and proposal.generator != BY_RULE


def _claim(proposal: Proposal) -> tuple[str, str]:
    shown = " ".join(one_line(quote) for quote in proposal.quotes)
    if proposal.kind in WRITTEN_IN_FULL:
        return proposal.answer, one_line(proposal.passage.chunk.text)
    return as_claim(_bare(proposal), proposal.answer), shown


def _read_again(proposals: list[Proposal], checks: Checks) -> list[Proposal]:
    places = [i for i, p in enumerate(proposals) if _has_to_be_judged(p)]
    asked = [(proposals[i].passage, proposals[i].question) for i in places]
    scores = checks.reader.agrees(asked, [proposals[i].answer for i in places])
    for place, score in zip(places, scores, strict=True):
        passed = score >= checks.plan.agreement
        reason = "asked again, another answer comes back"
        proposals[place] = proposals[place].judged(_verdict("round trip", passed, reason, score))
    return proposals


def _bare(proposal: Proposal) -> str:
    return bare(proposal.question, proposal.passage.subject)


def _verdict(check: str, passed: bool, reason: str, value: float | None = None) -> Verdict:
    return Verdict(check, passed, "" if passed else reason, value)
