"""Each check drops what it is there for, and says why."""

import pytest

from metier.corpus.in_memory import MemoryCorpus
from metier.dataset.generate.checks.checker import Known, measure
from metier.dataset.generate.checks.duplicates import Asked
from metier.dataset.generate.checks.model_checker import ModelChecker
from metier.dataset.generate.checks.reader import ModelReader, SpanReader
from metier.dataset.generate.checks.verify import Checks, verify
from metier.dataset.generate.plan import GenerationPlan
from metier.dataset.generate.proposal import Proposal
from metier.dataset.generate.text.passage import passages
from metier.dataset.generate.writers.ledger import MemoryLedger
from metier.dataset.generate.writers.teacher import Teacher
from metier.models.engines.fake import FakeEmbedder
from metier.retrieval.grounding.support import TextChecker
from metier.types import Completion, Document, Usage
from tests.dataset.generate.pairs import HARBOUR

PASSAGE = next(passages(MemoryCorpus([Document("d", HARBOUR, title="The Papers")]), "$title"))
GRANTED = "The Harbour Board granted a licence to the Northern Steam Company on March 3, 1926."


def verified(question, answer, quote=GRANTED, *, kind="factual", reader=None, checker=None):
    proposal = Proposal(
        passage=PASSAGE,
        kind=kind,
        question=f"According to The Papers, {question}",
        answer=answer,
        generator="a model",
        quotes=(quote,),
    )
    plan = GenerationPlan("m", "m")
    checks = Checks(plan, reader or SpanReader(FakeEmbedder()), checker or TextChecker(), Asked())
    return verify([proposal], checks)[0]


def test_a_right_answer_passes_every_check():
    row = verified("which company was granted a licence?", "the Northern Steam Company")
    assert row.dropped is None
    assert [v.check for v in row.verdicts] == [
        "form", "self-contained", "evidence", "kind", "support", "round trip", "duplicate"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "answer", "quote", "check"),
    [
        ("which company was granted a licence?", "March 3, 1926", GRANTED, "kind"),
        ("which company was granted a licence?", "1926", GRANTED, "kind"),
        ("which company was granted a licence?", "The Harbour Board", GRANTED, "round trip"),
        (
            "why did the ferry have problems?",
            "The inquiry",
            "The inquiry concluded that the ferry carried too many passengers.",
            "kind",
        ),
        ("who led the inquiry?", "Ada Lovelace", "Ada Lovelace led the inquiry.", "evidence"),
    ],
)
def test_a_wrong_answer_is_dropped_by_the_check_that_is_there_for_it(
    question, answer, quote, check
):
    last = verified(question, answer, quote).verdicts[-1]
    assert (last.check, last.passed) == (check, False)


def test_a_copy_is_no_rewrite():
    question = f"what does this mean, put into other words: “{GRANTED.rstrip('.')}”?"
    assert verified(question, GRANTED, kind="rewrite").dropped == "the rewrite repeats its sentence"
    assert verified(question, "a licence", kind="rewrite").dropped == "the answer is a fragment"


class Scripted:
    """A model that gives one answer to everything."""

    name = "scripted"

    def __init__(self, text):
        self._text = text

    def generate(self, batch, config):
        return [Completion(self._text, Usage()) for _ in batch]


@pytest.mark.parametrize(
    "question",
    [
        "which company was therefore granted a licence?",
        "which company got a licence in the second case?",
    ],
)
def test_a_question_that_goes_on_from_another_sentence_does_not_stand_alone(question):
    row = verified(question, "the Northern Steam Company")
    assert row.dropped == "the question goes on from another sentence"


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        ('{"quotes": ["x"], "answer": "Northern Steam Company"}', True),
        ('{"quotes": ["x"], "answer": "The Harbour Board"}', False),
        ("I'm sorry, I cannot.", False),
    ],
)
def test_a_model_that_reads_another_answer_drops_the_row(said, passed):
    reader = ModelReader(Teacher(Scripted(said), MemoryLedger()))
    row = verified("which company was granted a licence?", "the Northern Steam Company",
                   reader=reader)  # fmt: skip
    assert (row.verdicts[-1].check == "duplicate") == passed
    assert passed or row.dropped == "asked again, another answer comes back"


def test_the_span_reader_reads_the_sentence_nearest_to_the_question():
    reader = SpanReader(FakeEmbedder())
    asked = [(PASSAGE, "According to The Papers, who led the inquiry?")] * 2
    assert reader.agrees(asked, ["Judge Martha Oldcastle", "the Northern Steam Company"]) == [1, 0]
    assert reader.agrees([], []) == []


@pytest.mark.parametrize(("said", "passed"), [("yes", True), ("no", False), ("", False)])
def test_a_model_may_be_the_checker(said, passed):
    checker = ModelChecker(Teacher(Scripted(said), MemoryLedger()))
    row = verified("which company was granted a licence?", "the Northern Steam Company",
                   checker=checker)  # fmt: skip
    assert (row.dropped is None) == passed
    assert passed or row.dropped == "the evidence does not support the answer"


class BelievesNothing:
    """Finds no claim supported."""

    name = "believes nothing"

    def support(self, batch):
        return [0.49 for _ in batch]


def test_what_the_checker_does_not_believe_is_dropped():
    row = verified("which company was granted a licence?", "the Northern Steam Company",
                   checker=BelievesNothing())  # fmt: skip
    assert row.dropped == "the evidence does not support the answer"


class HoldsItAll:
    """Believes whatever stands in the evidence."""

    name = "holds it all"

    def support(self, batch):
        return [float(claim.rpartition("\n")[2] in passage) for claim, passage in batch]


def test_a_checker_that_believes_all_that_the_evidence_names_is_found_out():
    known = [
        Known(
            "which company was granted a licence?",
            f"Steam Company {i}",
            f"The Harbour Board granted a licence to Steam Company {i} on March 3, 1926.",
            "body",
        )
        for i in range(20)
    ]
    found = measure(HoldsItAll(), known, threshold=0.5, seed=0)
    assert found.refuses.value == 0
    assert found.lets_through.value == 0.5  # all from the same evidence, none from elsewhere
