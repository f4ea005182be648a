"""Facts that are found by their form become questions that stand alone and answers that are so."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import metier
from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.rules import PatternRule, written_out
from metier.dataset.generate.text.facts import facts, stands_alone
from metier.dataset.generate.text.passage import passages
from metier.dataset.generate.text.sentences import sentences
from metier.dataset.generate.text.verbs import clause
from metier.dataset.generate.text.wording import called, question_for
from metier.dataset.generate.writers.patterns import every_fact, found_facts, unanswerable
from metier.errors import DataError
from metier.types import Document
from tests.dataset.generate.texts import documents


def asked(text, subject="the record"):
    return {question_for(f, subject): f.answer for f in facts(sentences(text))}


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "Parliament amended the Harbour Act in 1934.",
            "According to the record, in which year did Parliament amend the Harbour Act?",
            "1934",
        ),
        (
            "In 1911, the Harbour Act was passed by both houses.",
            "According to the record, in which year was the Harbour Act passed by both houses?",
            "1911",
        ),
        (
            "The Harbour Board paid the owners $4.2 million for the pier.",
            "According to the record, the Harbour Board paid the owners how much for the pier?",
            "$4.2 million",
        ),
        (
            "The bridge was designed by Thomas Bouch in his later years.",
            "According to the record, the bridge was designed by whom in his later years?",
            "Thomas Bouch",
        ),
        (
            "The High Court dismissed the claim of the railway.",
            "According to the record, which court dismissed the claim of the railway?",
            "The High Court",
        ),
        (
            "The High Court dismissed the claim of the railway.",
            "According to the record, what did the High Court dismiss?",
            "the claim of the railway",
        ),
        (
            "The company operated the ferry because the bridge was closed in winter.",
            "According to the record, why did the company operate the ferry?",
            "because the bridge was closed in winter",
        ),
        (
            "The term “face” means the side of a quarry.",
            "According to the record, what does the term “face” mean?",
            "the side of a quarry",
        ),
        (
            "The claim was heard by the Harbour and River Board (HRB) and the mayor.",
            "According to the record, what does HRB stand for?",
            "Harbour and River Board",
        ),
        (
            "To settle the claim, the High Court appointed a surveyor of the pier.",
            "According to the record, to settle the claim, what did the High Court appoint?",
            "a surveyor of the pier",
        ),
        (
            "In 1934, Parliament amended the Harbour Act and closed the pier.",
            "According to the record, Parliament amended the Harbour Act and closed the pier, in "
            "which year?",
            "1934",
        ),
    ],
)
def test_a_fact_becomes_a_question(sentence, question, answer):
    assert asked(sentence)[question] == answer


@pytest.mark.parametrize(
    "sentence",
    [
        "He moved to La Serena in 2002 with his wife.",
        "See ante, at 12, where the Court rejected the claim in 1993.",
        "This was paid in 1993 by the Harbour Board.",
        "Between 1990 and 1993 in 1992 the Board met in 1993.",
        "the board met in 1993 and rejected the claim",
        "12 34 56 in 1993 78 90 11 22.",
        "Der Rat beschloss in 1993 den Bau des neuen Hafens am Fluss.",
    ],
)
def test_what_cannot_stand_alone_is_passed_over(sentence):
    assert not asked(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The role Parliament granted the Board supports the claim of the railway.",
        "The jury made a finding for the owners of the pier.",
        "The Board did not claim the pier because the owners were absent.",
    ],
)
def test_what_is_no_plain_object_or_reason_is_not_asked_for(sentence):
    assert not [question for question in asked(sentence) if re.search("what d|why", question)]


def test_no_question_gives_its_answer_away_and_each_answer_is_in_its_sentence():
    for passage in passages(MemoryCorpus(documents()), "$title"):
        found = found_facts(passage, ())
        assert len(found) >= 5
        for proposal in found:
            assert proposal.answer.removeprefix("because ") in " ".join(proposal.quotes[0].split())
            assert passage.subject in proposal.question


def test_only_english_is_read_by_patterns():
    text = (
        "Der Hafen wurde in 1911 gebaut. Die Kommission zahlte den Eigentümern $500 für das Ufer."
    )
    (passage,) = passages(MemoryCorpus([Document("d", text, title="Hafen")]), "$title")
    assert found_facts(passage, ()) == []


def test_a_recipes_rule_finds_its_fact():
    rule = PatternRule(r"\[(?P<answer>\w+ \d+, \d{4})\]", "when was $subject decided")
    text = "No. 12\n[May 17, 2010]\nThe Court sat."
    (passage,) = passages(MemoryCorpus([Document("d", text, title="Abel v. Bond")]), "$title")
    (found,) = (p for p in found_facts(passage, [rule]) if p.answer == "May 17, 2010")
    assert found.question == "When was Abel v. Bond decided?"


def test_a_rule_asks_of_the_first_match_that_was_not_asked_before():
    rule = PatternRule(r"(?P<case>\w+ v\. \w+) \((?P<answer>\d{4})\)", "when was $case decided")
    text = "See Abel v. Bond (1911); Cole v. Dunn (1920)."
    (passage,) = passages(MemoryCorpus([Document("d", text, title="Earl v. Fox")]), "$title")
    (first,) = found_facts(passage, [rule])
    assert (first.question, first.answer) == (
        "According to Earl v. Fox, when was Abel v. Bond decided?",
        "1911",
    )
    (second,) = found_facts(passage, [rule], {first.question})
    assert second.answer == "1920"
    assert found_facts(passage, [rule], {first.question, second.question}) == []


def test_what_every_document_says_is_asked_of_none():
    same = "The Harbour Board provides this leaflet to the owners of every pier in the harbour."
    kept = [
        Document(
            str(n),
            f"{same.replace('this', 'the')} Parliament founded pier {n} in {1900 + n}.",
            title=f"Pier {n}",
        )
        for n in range(5)
    ]
    found = every_fact(list(passages(MemoryCorpus(kept), "$title")), ())
    questions = [fact.question for facts in found.values() for fact in facts]
    assert len(questions) >= 5
    assert not [question for question in questions if "leaflet" in question]


def test_a_name_that_ends_in_a_point_is_said_once():
    assert called("what is held in Abel v. Bond Co.", "Abel v. Bond Co.") == (
        "What is held in Abel v. Bond Co.?"
    )


@pytest.mark.parametrize("find", ["(", "no group"])
def test_a_rule_that_cannot_work_is_refused(find):
    with pytest.raises(DataError, match="pattern"):
        PatternRule(find, "what")


def test_what_another_document_says_is_not_answered_here():
    harbour, quarry = passages(MemoryCorpus(documents()), "$title")
    other = next(p for p in found_facts(quarry, ()) if "Upland Railway" in p.question)
    made = unanswerable(harbour, other)
    assert made.kind == "unanswerable"
    assert "The Harbour Papers" in made.question
    assert "Quarry Papers" not in made.question
    same = next(p for p in found_facts(harbour, ()))
    assert unanswerable(harbour, same) is None


def test_sentences_end_at_a_footnote_mark_and_not_within_a_rule_of_procedure():
    text = "It held so.* These suits came under Fed. Rule Civ. Proc. 23 and were joined."
    assert [s.text for s in sentences(text)] == [
        "It held so.*",
        "These suits came under Fed. Rule Civ. Proc. 23 and were joined.",
    ]


@given(st.text(alphabet=st.sampled_from("aB.!? \n“”v1é。*"), max_size=80))
def test_sentences_are_stretches_of_the_text_in_order(text):
    found = sentences(text)
    assert all(text[s.start : s.end] == s.text and s.text.strip() == s.text for s in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    kept = "".join(s.text for s in found)
    assert re.sub(r"\s", "", text) == re.sub(r"\s", "", kept)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text):
    facts(sentences(text))
    stands_alone(text)
    clause(text)


@pytest.mark.parametrize(
    "sentence",
    [
        "The two officers of the county appealed to the court of the circuit.",
        "The parties selected a panel and stipulated that the clause was silent.",
        "The District Court held that because the fees were late, the claim was barred.",
        "Argued March 30, 2010—Decided June 17, 2010 The claim was made in 1993 by the owner.",
        "The Board held that “the inmate was refused parole because the crime was a grave one.”",
    ],
)
def test_wordings_that_an_audit_found_wrong_are_not_written(sentence):
    for question, answer in asked(sentence).items():
        assert "the how many" not in question
        assert " why " not in question
        assert "Argued" not in question
        assert "stipulated" not in answer
        assert question.count("“") == question.count("”")


def test_a_pattern_is_written_with_forms_that_stand_before_it():
    forms = {"party": r"[A-Z]\w+", "case": r"$party v\. $party"}
    written = written_out(r"(?P<case>$case) \((?P<answer>\d+)\) costs \$party$", forms)

    found = re.search(written, "see Smith v. Jones (1987) costs $party")
    assert found and found.groupdict() == {"case": "Smith v. Jones", "answer": "1987"}


def test_an_alternative_in_a_form_stays_in_it():
    assert re.fullmatch(written_out("the $animal runs", {"animal": "cat|dog"}), "the cat runs")


@pytest.mark.parametrize(
    ("pattern", "forms", "told"),
    [
        ("$case", {}, "there is none before it"),
        ("$cases", {"case": "x"}, "before it stand case"),
        ("$second", {"first": "$second", "second": "x"}, "uses the form $second"),
    ],
)
def test_a_form_that_is_not_there_is_named(pattern, forms, told):
    with pytest.raises(DataError, match=re.escape(told)):
        written_out(pattern, forms)


def test_a_rules_evidence_is_the_sentence_that_it_matched(models):
    text = "The lease of 130 days was void. Rent was due. The tenant later had 30 days to leave."
    rule = PatternRule(r"\b(?P<answer>30 days)", "how long had the tenant in $subject")
    plan = GenerationPlan("m", "m", menu={}, patterns=4, rules=(rule,))
    made = metier.docs_to_qa([Document("d", text, "Jones Case")], plan, models=models)
    [row] = [row for row in made.accepted if row.provenance.generator == "rule"]
    assert row.quotes == ("The tenant later had 30 days to leave.",)
    assert [text[one.start : one.end] for one in row.evidence] == list(row.quotes)
