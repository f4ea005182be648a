"""Questions that ask what another one asks, and answers that say what it says."""

from __future__ import annotations

from collections import defaultdict

from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.text.sentences import words

SAME = 0.8
"""Jaccard of the words of two questions on one document from which they are one question. Below
it questions that differ in one name or number of a short question are still told apart."""


class Asked:
    """The questions kept so far, by document; compared exactly, since a document has few."""

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[frozenset[str], str]]] = defaultdict(list)
        self._facts: set[tuple[str, str, str]] = set()

    def repeats(self, proposal: Proposal) -> bool:
        """Whether a kept question on the same document asks the same."""
        return _fact(proposal) in self._facts or any(
            _same(_words(proposal), _answer(proposal), *kept)
            for kept in self._kept[_document(proposal)]
        )

    def add(self, proposal: Proposal) -> None:
        """Keep a question."""
        self._kept[_document(proposal)].append((_words(proposal), _answer(proposal)))
        if not proposal.prompt and proposal.fact:
            self._facts.add(_fact(proposal))


def _same(first: frozenset[str], answer: str, second: frozenset[str], other: str) -> bool:
    if first == second:
        return True
    shared = len(first & second) / max(1, len(first | second))
    return shared >= (SAME if answer == other else (1 + SAME) / 2)


def _words(proposal: Proposal) -> frozenset[str]:
    """The question's words without the document's name, which all its questions share."""
    subject = proposal.passage.subject
    bare = proposal.question.replace(subject, "") if subject else proposal.question
    return frozenset(words(bare)) - {"according", "to"}


def _answer(proposal: Proposal) -> str:
    return " ".join(words(proposal.answer))


def _document(proposal: Proposal) -> str:
    return proposal.passage.document.id


def _fact(proposal: Proposal) -> tuple[str, str, str]:
    return _document(proposal), proposal.fact, proposal.kind
