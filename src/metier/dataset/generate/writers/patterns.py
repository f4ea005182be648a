"""The writer without a model: questions about facts that are found by their form."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from string import Template

from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.rules import PatternRule
from metier.dataset.generate.text.facts import Fact, facts
from metier.dataset.generate.text.passage import Passage, names
from metier.dataset.generate.text.sentences import one_line, words
from metier.dataset.generate.text.wording import called, question_for
from metier.types import ABSTENTION, QuestionKind, Verdict

GENERATOR = "pattern"
BY_RULE = "rule"
"""The writer of rows that a rule of the recipe made; who wrote the rule vouches for its meaning."""
SEVERAL = "the document gives another answer to the same question"

BOILERPLATE = 3
"""A fact that more passages state in the same words tells nothing about one of them."""


def every_fact(read: Sequence[Passage], rules: Sequence[PatternRule]) -> dict[str, list[Proposal]]:
    """The facts of each passage, by its chunk's id; none twice, and no boilerplate."""
    found: dict[str, list[Proposal]] = {}
    seen: set[str] = set()
    asked: dict[str, set[str]] = defaultdict(set)
    for passage in read:
        before = asked[passage.document.id]
        facts = [f for f in found_facts(passage, rules, before) if f.fact_id not in seen]
        seen.update(fact.fact_id for fact in facts)
        before.update(fact.question for fact in facts)
        found[passage.chunk.id] = facts
    said = Counter(_bare(fact) for facts in found.values() for fact in facts)
    answers = _answers_by_rules(read, rules)
    return {
        chunk: [
            _with_one_answer(f, answers)
            for f in facts
            if f.generator == BY_RULE or said[_bare(f)] <= BOILERPLATE
        ]
        for chunk, facts in found.items()
    }


def found_facts(
    passage: Passage, rules: Sequence[PatternRule], asked: Collection[str] = ()
) -> list[Proposal]:
    """Every fact of the passage, as the question about it; ``asked`` are not asked by a rule again.

    A fact is addressed by its place in the document, so that the overlap of two chunks does not
    count it twice.
    """
    found = list(_by_rules(passage, rules, asked))
    if passage.is_english:
        found += [_proposal(passage, fact) for fact in facts(passage.sentences)]
    return found


def _answers_by_rules(
    read: Sequence[Passage], rules: Sequence[PatternRule]
) -> dict[tuple[str, str], set[str]]:
    """All that the rules find in a document for one question; a date may stand on every page."""
    answers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for passage in read:
        for rule in rules:
            for match in re.finditer(rule.find, passage.chunk.text):
                one = _by_rule(passage, rule, match)
                answers[passage.document.id, one.question].add(" ".join(words(one.answer)))
    return answers


def _with_one_answer(
    proposal: Proposal, answers: Mapping[tuple[str, str], Collection[str]]
) -> Proposal:
    """A rule's row with the verdict on whether its question has one answer in the document."""
    if proposal.generator != BY_RULE:
        return proposal
    found = answers[proposal.passage.document.id, proposal.question]
    longest = max(found, key=len)
    alone = all(f" {answer} " in f" {longest} " for answer in found)
    return proposal.judged(Verdict("one answer", alone, "" if alone else SEVERAL))


def unanswerable(passage: Passage, other: Proposal) -> Proposal | None:
    """Another document's question put to this one, when a name in it never occurs here."""
    if not passage.subject or other.passage.subject == passage.subject:
        return None
    prefix = f"According to {other.passage.subject}, "
    if not other.question.startswith(prefix):
        return None
    asked = other.question.removeprefix(prefix)
    text = one_line(passage.document.text).casefold()
    absent = [name for name in names(asked[1:]) if name.casefold() not in text]
    if not any(len(name.split()) > 1 for name in absent):
        return None
    return Proposal(
        passage=passage,
        kind="unanswerable",
        question=called(asked, passage.subject),
        answer=ABSTENTION,
        generator=GENERATOR,
        fact=f"absent:{absent[0]}",
    )


def _bare(fact: Proposal) -> tuple[str, str]:
    subject = fact.passage.subject
    return (fact.question.replace(subject, "") if subject else fact.question), fact.answer


def _proposal(passage: Passage, fact: Fact) -> Proposal:
    kind: QuestionKind = "reverse" if fact.kind == "doer" else "factual"
    sentence = fact.sentence
    return Proposal(
        passage=passage,
        kind=kind,
        question=question_for(fact, passage.subject),
        answer=fact.answer,
        generator=GENERATOR,
        quotes=(sentence.text,),
        places=((sentence.start, sentence.end),),
        fact=f"{passage.chunk.start + sentence.start}:{fact.answer}",
    )


def _by_rules(
    passage: Passage, rules: Sequence[PatternRule], asked: Collection[str]
) -> Iterator[Proposal]:
    """The first match of each rule of which the document has not been asked yet."""
    for rule in rules:
        made = (
            _by_rule(passage, rule, match) for match in re.finditer(rule.find, passage.chunk.text)
        )
        yield from islice((one for one in made if one.answer and one.question not in asked), 1)


def _by_rule(passage: Passage, rule: PatternRule, match: re.Match[str]) -> Proposal:
    said = {key: one_line(value or "") for key, value in match.groupdict().items()}
    question = Template(rule.question).safe_substitute({**said, "subject": passage.subject})
    return Proposal(
        passage=passage,
        kind=rule.kind,
        question=called(question, passage.subject),
        answer=said["answer"],
        generator=BY_RULE,
        quotes=(match.group(),),
        places=(match.span(),),
        fact=f"{passage.chunk.start + match.start('answer')}:{said['answer']}",
    )
