"""From documents to verified rows: every row proves itself, every reject says why."""

import json
from collections import Counter
from dataclasses import replace
from itertools import cycle

import pytest

import metier
from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.checks.checker import Known, measure
from metier.dataset.generate.coverage import coverage
from metier.dataset.generate.estimate import estimate
from metier.dataset.generate.hints import weak_teachers
from metier.dataset.generate.kept.rows import examples, read_generated, write_generated
from metier.dataset.generate.menu import Queue, orders
from metier.dataset.generate.plan import GenerationPlan, Prices
from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.rules import PatternRule
from metier.dataset.generate.run import Parts, generate
from metier.dataset.generate.text.passage import passages
from metier.dataset.generate.writers.ledger import MemoryLedger, ProjectLedger
from metier.dataset.generate.writers.patterns import BY_RULE
from metier.errors import DataError, EmptyStageError
from metier.pipeline.generation import Generation
from metier.retrieval.grounding.support import TextChecker
from metier.store import Project
from metier.types import ABSTENTION, Completion, Document, Usage, Verdict
from tests import joined

from .texts import HARBOUR, QUARRY, documents


@pytest.fixture
def made(plan, models):
    return metier.docs_to_qa(documents(), plan, models=models)


def test_accepted_rows_are_true_to_their_source(made):
    texts = {"harbour": HARBOUR, "quarry": QUARRY}
    assert len(made.accepted) >= 10
    for row in made.accepted:
        assert row.dropped is None
        assert all(v.passed for v in row.verdicts)
        for span, quote in zip(row.evidence, row.quotes, strict=True):
            assert texts[span.document][span.start : span.end] == quote
        assert row.provenance.generator == "pattern"
        assert row.provenance.document == row.evidence[0].document


def test_rejects_keep_their_reason(made):
    assert made.report.rejected == dict(Counter(row.dropped for row in made.rejected))


def test_the_report_says_coverage_and_the_checkers_error(made):
    report = made.report
    assert report.accepted == len(made.accepted)
    assert report.coverage.chunks.n == len(list(MemoryCorpus(documents()).chunks()))
    assert report.coverage.facts.value > 0.5
    assert report.checker.checker == "text"
    assert report.checker.lets_through.n > 0
    assert report.checker.refuses.n > 0


def test_rows_do_not_depend_on_other_documents(made, plan, models):
    alone = metier.docs_to_qa(documents()[:1], plan, models=models)
    ids = {row.id for row in made.accepted if row.provenance.document == "harbour"}
    assert {row.id for row in alone.accepted} == ids


def test_only_a_changed_documents_rows_change(made, plan, models):
    changed = replace(documents()[1], text=QUARRY.replace("1875", "1876"))
    after = metier.docs_to_qa([documents()[0], changed], plan, models=models)
    new = {row.id for row in after.accepted} - {row.id for row in made.accepted}
    assert new
    assert {r.provenance.document for r in after.accepted if r.id in new} == {"quarry"}


def test_unanswerable_rows_say_so(plan, models):
    made = metier.docs_to_qa(
        documents(), replace(plan, menu={"unanswerable": 1}, give_up=0.0), models=models
    )
    rows = [row for row in made.accepted if row.kind == "unanswerable"]
    assert rows
    assert {row.answer for row in rows} == {ABSTENTION}
    assert not any(row.evidence for row in rows)


def test_the_examples_of_a_document_are_one_group(made):
    rows = examples(made.accepted)
    assert {row.group for row in rows} == {"harbour", "quarry"}
    assert all(row.evidence and row.origin == row.group and row.kind for row in rows)


def test_budgets_stop_and_the_report_says_which(plan, models):
    made = metier.docs_to_qa(documents(), replace(plan, questions=3), models=models)
    assert (len(made.accepted), made.report.stopped) == (3, "questions")
    with pytest.raises(EmptyStageError):
        metier.docs_to_qa(documents(), replace(plan, minutes=1e-9), models=models)


def test_a_budget_is_spread_over_the_documents(plan, models):
    many = [
        Document(
            f"d{i}",
            f"The Upland Railway {i} opened the Slate Quarry in {1800 + i}. "
            f"The High Court dismissed the claim of Railway {i} on March {i % 28 + 1}, 1903. "
            f"Parliament amended the Railway Act {i} in {1900 + i}.",
            title=f"The Papers of Quarry {i}",
        )
        for i in range(30)
    ]
    made = metier.docs_to_qa(many, replace(plan, questions=20, batch=8), models=models)
    again = metier.docs_to_qa(many, replace(plan, questions=20, batch=8), models=models)
    other = metier.docs_to_qa(many, replace(plan, questions=20, batch=8, seed=1), models=models)
    asked = Counter(row.provenance.document for row in made.accepted)
    assert len(asked) == 20
    assert asked.keys() - {f"d{i}" for i in range(20)}  # not the first twenty
    assert again.accepted == made.accepted
    assert {r.provenance.document for r in other.accepted} != asked.keys()


def test_what_is_covered_least_is_asked_next():
    corpus = MemoryCorpus(documents())
    chunks = list(passages(corpus, "$title"))
    queue = Queue(chunks, GenerationPlan("m", "m", menu={"factual": 9}))
    taken = [number for number, _ in queue.take(2)]
    queue.put_back(taken[0], 1, 3)
    queue.put_back(taken[1], 1, 2)
    assert queue.take(1) == [(taken[1], 2)]
    first = chunks[0].sentences
    asked = orders(chunks[0], 1, GenerationPlan("m", "m", menu={"factual": 1}), frozenset(),
                   {sentence.start for sentence in first[:3]})  # fmt: skip
    assert asked[0].focus[0] in first[3:]


def test_an_unanswerable_question_covers_nothing():
    first, second = passages(MemoryCorpus(documents()), "$title")

    def asked(passage, kind):
        return Proposal(passage, kind, "q?", "a", "m", fact=f"{kind}")

    found = coverage(
        [asked(first, "factual"), asked(second, "unanswerable")],
        chunks=[first.chunk.id, second.chunk.id],
        facts=frozenset({"harbour#factual", "quarry#unanswerable"}),
        least=1,
    )
    assert (found.chunks.value, found.facts.value) == (0.5, 0.5)


def test_a_weak_teacher_is_given_up(models):
    plan = GenerationPlan("fake", "fake", menu={"factual": 40})
    report = metier.docs_to_qa(documents(), plan, models=models).report
    assert report.given_up == ("factual",)
    assert 24 <= report.acceptance["fake factual"].n < 80
    assert sum(report.rejected.values()) + report.accepted == sum(
        e.n for e in report.acceptance.values()
    )
    (hint,) = report.hints
    assert hint.startswith("fake wrote rows of which 0.0")
    assert "`teacher` in [generate]" in hint


def test_rows_without_a_teacher_need_no_stronger_one(made):
    assert made.report.hints == ()


def test_a_recipes_own_rule_is_no_weak_teacher():
    (passage, *_) = passages(MemoryCorpus(documents()), "$title")
    refused = Verdict("one answer", False, "several answers")
    wrong = Proposal(passage, "factual", "q?", "a", BY_RULE).judged(refused)
    assert weak_teachers([wrong] * 40, GenerationPlan("m", "m")) == ()


def test_nothing_accepted_stops_early_and_names_the_check(models):
    plan = GenerationPlan("fake", "fake", menu={"factual": 40}, patterns=0)
    with pytest.raises(EmptyStageError, match=r"the asker wrote no question.*stronger model"):
        metier.docs_to_qa(documents(), plan, models=models)


@pytest.mark.parametrize(
    "documents",
    [
        [Document("one", "word")],
        [Document("table", "a | b | c\n1 | 2 | 3\n" * 20)],
        [Document("german", "Der Hafen wurde 1911 gebaut. Er ist sehr groß und alt. " * 4)],
        [Document("noise", "T#e C0urt h~ld ;; th@t l1 |I !! 19 9 3 " * 30)],
        [Document("cjk", "港口法于1911年通过。议会于1934年修订。" * 5)],
    ],
)
def test_documents_that_hold_no_plain_fact_give_no_row(documents, plan, models):
    with pytest.raises(EmptyStageError):
        metier.docs_to_qa(documents, plan, models=models)


def test_a_very_long_document_is_read_to_its_end(plan, models):
    filler = "The weather of the district was described in some detail by the local gazette. "
    text = filler * 10_000 + "\n\nThe Quarry Commission opened the Slate Quarry in 1875."
    made = metier.docs_to_qa([Document("long", text, title="Gazette")], plan, models=models)
    years = [row for row in made.accepted if row.answer == "1875"]
    assert years[0].evidence[0].end == len(text)


def test_the_estimate_bounds_what_is_asked(models):
    corpus = MemoryCorpus(documents())
    plan = GenerationPlan(
        "fake", "fake", menu={"factual": 2, "summary": 1}, prices={"fake": Prices(1, 2)}
    )
    told = estimate(corpus, plan, models)
    report = generate(corpus, replace(plan, give_up=0.0), Parts(models)).report
    assert report.asked <= told.requests
    assert told.prompt_tokens > 0
    assert told.dollars == pytest.approx((told.prompt_tokens + 2 * told.completion_tokens) / 1e6)
    assert estimate(corpus, replace(plan, menu={}), models).requests == 0


def test_each_role_is_paid_at_its_own_price(models):
    corpus = MemoryCorpus(documents())
    plan = GenerationPlan("dear", "cheap", menu={"factual": 3}, patterns=2, give_up=0.0)
    prices = {"dear": Prices(50, 100), "cheap": Prices(0.1, 0.1)}
    told = estimate(corpus, replace(plan, prices=prices), models)
    alone = estimate(corpus, replace(plan, prices={"cheap": prices["cheap"]}), models)
    assert told.dollars > 50 * alone.dollars
    spent = replace(plan, prices=prices, dollars=1e-9, batch=1)
    assert metier.docs_to_qa(documents(), spent, models=models).report.stopped == "dollars"
    free = replace(spent, prices={"cheap": Prices(0, 0)})
    assert metier.docs_to_qa(documents(), free, models=models).report.stopped == "menu"


def test_forty_questions_about_sixty_documents_are_about_forty(models):
    def text(number, pages):
        said = f"In {{}} the Paris Committee granted motion {number} of the old harbour company. "
        more = "The building stands near the river and people come to see it in summer. " * 16
        return "\n\n".join(said.format(1700 + 7 * page + number) + more for page in range(pages))

    long = [Document(f"d{n}", text(n, 12), f"The Long Report {n}") for n in range(6)]
    short = [Document(f"d{n}", text(n, 2), f"The Town Report {n}") for n in range(6, 60)]
    plan = GenerationPlan("m", "m", menu={}, patterns=4, questions=40, batch=7)
    made = metier.docs_to_qa([*long, *short], plan, models=models)
    asked = Counter(row.provenance.document for row in made.accepted)
    assert (len(made.accepted), len(asked)) == (40, 40)
    more = metier.docs_to_qa([*long, *short], replace(plan, questions=90), models=models)
    counts = Counter(row.provenance.document for row in more.accepted)
    assert len(counts) == 60 and max(counts.values()) <= 3


class Killed(Exception):
    """Stands for a process's end."""


class Mortal:
    """A model that is paid by the request, and dies after so many of them."""

    name = "m"

    def __init__(self, lives):
        self.asked, self.lives = 0, lives

    def count_tokens(self, text):
        return len(text) // 4

    def generate(self, batch, config):
        for _ in batch:
            if self.asked == self.lives:
                raise Killed
            self.asked += 1
        answer = json.dumps({"quotes": ["The Town Committee met in 1900."], "answer": "1900"})
        said = answer if config.json_schema else "In which year did the Town Committee meet?"
        return [Completion(said, usage=Usage(1000, 0)) for _ in batch]


@pytest.mark.parametrize("in_project", [True, False])
def test_a_budget_of_dollars_outlives_kills(models, tmp_path, in_project):
    met = "The Town Committee met in 1900. House {} stands near the river, as people like it to."
    corpus = MemoryCorpus([Document(f"d{n}", met.format(n), f"Town {n}") for n in range(99)])
    plan = GenerationPlan("m", "m", menu={"factual": 2}, patterns=0, batch=4, give_up=0.0)
    plan = replace(plan, dollars=60.0, prices={"m": Prices(1000.0, 0)})  # a dollar a request
    memory, project = MemoryLedger(), Project(tmp_path / "project")
    total = 0
    for _ in range(4):
        model = Mortal(25)
        served = type("Served", (type(models),), {"language_model": lambda *_, m=model: m})()
        ledger = ProjectLedger(project, "one") if in_project else memory
        try:
            made = generate(corpus, plan, Parts(served, ledger))
        except Killed:
            made = None
        total += model.asked
    assert made.report.stopped == "dollars"
    assert 60 <= total < 70
    if in_project:  # another dataset is not charged for what it finds
        again = Mortal(25)
        served = type("Served", (type(models),), {"language_model": lambda *_: again})()
        with pytest.raises(Killed):
            generate(corpus, plan, Parts(served, ProjectLedger(project, "two")))


def test_other_weights_under_a_teachers_name_are_asked_anew(models, tmp_path):
    met = "The Town Committee met in 1900. House {} stands near the river, as people like it to."
    corpus = MemoryCorpus([Document(f"d{n}", met.format(n), f"Town {n}") for n in range(3)])
    name, project = str(tmp_path / "model"), Project(tmp_path / "project")
    plan = GenerationPlan(name, name, menu={"factual": 1}, patterns=0)
    asked, keys = [], []
    for number in (1, 1, 2):
        joined.write_weights(tmp_path / "model", number)
        model = Mortal(99)
        model.name = name
        served = type("Served", (type(models),), {"language_model": lambda *_, m=model: m})()
        generate(corpus, plan, Parts(served, ProjectLedger(project)))
        asked.append(model.asked)
        keys.append(Generation(corpus, None, plan, project).key)
    assert asked == [6, 0, 6]
    assert keys[0] == keys[1] != keys[2]


HALF = "\\ud83d"
"""Half of a pair of surrogates, as JSON escapes it."""


class Broken(Mortal):
    """Writes what no file can hold: halves of characters, and JSON without an end to its depth."""

    said = (
        json.dumps({"quotes": ["The Town Committee met in 1900."], "answer": "1900"}),
        f'{{"quotes": ["The {HALF} Committee"], "answer": "19{HALF}00"}}',
        '{"quotes": ' + "[" * 100_000,
    )
    asks = ("In which year did the Town Committee meet?", "In which year \ud83d?", "\ud83d")

    def generate(self, batch, config):
        said = cycle(self.said if config.json_schema else self.asks)
        return [Completion(text, usage=Usage()) for text, _ in zip(said, batch, strict=False)]


def test_what_no_file_can_hold_ends_no_generation(models, tmp_path):
    met = "The Town Committee met in 1900. House {} stands near the river, as people like it to."
    corpus = MemoryCorpus([Document(f"d{n}", met.format(n), f"Town {n}") for n in range(9)])
    served = type("Served", (type(models),), {"language_model": lambda *_: Broken(99)})()
    plan = GenerationPlan("m", "m", menu={"factual": 1}, patterns=0, give_up=0.0)
    made = generate(corpus, plan, Parts(served, ProjectLedger(Project(tmp_path / "project"))))
    write_generated(made, tmp_path)
    assert made.accepted
    assert read_generated(tmp_path).rejected == made.rejected


def test_what_the_estimate_tried_is_not_asked_again(models):
    plan = GenerationPlan("fake", "fake", menu={"factual": 2}, patterns=0)
    corpus, ledger, told = MemoryCorpus(documents()), MemoryLedger(), []
    estimate(corpus, plan, models, ledger)

    class Listening(type(models)):
        def language_model(self, name, *, adapter=None):
            model = super().language_model(name)
            generate = model.generate
            model.generate = lambda batch, config: told.extend(batch) or generate(batch, config)
            return model

    with pytest.raises(EmptyStageError):  # the fake asks no question
        generate(corpus, plan, Parts(Listening(), ledger))
    assert told == []  # two chunks, two questions each: all were tried


def test_progress_has_a_total(models):
    told = []
    plan = GenerationPlan("fake", "fake", menu={"factual": 2})
    metier.docs_to_qa(documents(), plan, models=models, progress=lambda *one: told.append(one))
    assert told and all(total is not None and done <= total for done, total, _ in told)


def test_a_checkers_error_is_measured_on_swapped_answers():
    known = [
        Known(f"When did ship {i} sail?", str(1900 + i), f"Ship {i} sailed in {1900 + i}.", "y")
        for i in range(20)
    ]
    found = measure(TextChecker(), known, threshold=0.5, seed=0)
    assert found.refuses.value == 0
    assert found.lets_through.value == 0
    blind = type(
        "Blind", (), {"name": "blind", "support": lambda self, batch: [1.0] * len(batch)}
    )()
    assert measure(blind, known, threshold=0.5, seed=0).lets_through.value == 1
    assert measure(blind, [], threshold=0.5, seed=0) is None


def test_a_subject_that_names_no_column_is_refused(plan, models):
    with pytest.raises(DataError, match=r"may use \$id, \$title"):
        metier.docs_to_qa(documents(), replace(plan, subject="$part in $case"), models=models)


def test_a_rules_row_is_kept_on_its_authors_word(plan, models):
    rule = PatternRule(r"opened the (?P<what>\w+) Quarry in (?P<answer>\d{4})", "how old is $what")
    made = metier.docs_to_qa(documents(), replace(plan, rules=(rule,)), models=models)
    (row,) = (row for row in made.accepted if row.provenance.generator == "rule")
    assert (row.question, row.answer) == (
        "According to The Quarry Papers, how old is Slate?",
        "1875",
    )
    checks = ["one answer", "form", "self-contained", "evidence", "kind", "duplicate"]
    assert [v.check for v in row.verdicts] == checks


@pytest.mark.parametrize(
    ("find", "question", "reason"),
    [
        (
            r"The (?:Harbour|Quarry) \w+ (?:\w+ ){3,8}in (?P<answer>\d{4})",
            "in which year did it begin",
            "another answer",
        ),
        (r"(?P<answer>The \w+ Railway) carried", "when was the slate carried", "kind of thing"),
    ],
)
def test_a_rules_row_needs_one_answer_of_the_kind_asked_for(find, question, reason, plan, models):
    text = "The Harbour Act was first passed in 1911. The Harbour Act was soon amended in 1934. "
    text += "The Upland Railway carried the slate."
    rule = PatternRule(find, f"According to The Papers, {question}")
    made = metier.docs_to_qa(
        [Document("d", text, title="The Papers")], replace(plan, rules=(rule,)), models=models
    )
    dropped = [row.dropped for row in made.rejected if row.provenance.generator == "rule"]
    assert dropped and all(reason in why for why in dropped)
