"""What a person says about rows counts, survives, and reaches what trains."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import metier
from metier.dataset.generate.kept import audit, review
from metier.dataset.generate.kept.export import FORMS, export
from metier.dataset.generate.kept.rows import (
    examples,
    read_generated,
    read_rows,
    reviewed,
    write_generated,
    write_rows,
)
from metier.errors import DataError, EmptyStageError
from metier.types import ABSTENTION, AuditVerdict, GeneratedRow, Provenance, Review

from .texts import documents

PROVENANCE = Provenance("d", "d#0", "h", "m")


@pytest.fixture
def made(plan, models):
    return metier.docs_to_qa(documents(), plan, models=models)


def test_rows_come_back_as_they_were_written(made, tmp_path):
    write_generated(made, tmp_path)
    assert read_generated(tmp_path) == made


@given(st.text(), st.text())
def test_any_text_survives_the_file(tmp_path_factory, question, answer):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    surrogates = (question + answer).encode("utf-8", "ignore").decode() == question + answer
    if surrogates:
        row = GeneratedRow("1", "factual", question, answer, (), (), Provenance("d", "c", "h", "g"))
        write_rows(path, [row])
        assert read_rows(path) == [row]


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(DataError, match=r"rows\.jsonl:1"):
        read_rows(tmp_path / "rows.jsonl")


def test_an_answer_that_a_person_writes_is_the_answer(tmp_path):
    asked = GeneratedRow("1", "unanswerable", "Who won?", ABSTENTION, (), (), PROVENANCE)
    answered = [Review("1", "edit", answer="Alice Smith")]
    [row] = reviewed([asked], {one.row: one for one in answered})
    assert examples([asked], {one.row: one for one in answered})[0].target == "Alice Smith"
    export([row], tmp_path / "q.jsonl", "questions")
    told = json.loads((tmp_path / "q.jsonl").read_text())
    assert (told["answer"], told["kind"]) == ("Alice Smith", "factual")
    [other] = reviewed([asked], {"1": Review("1", "edit", question="Who lost?")})
    assert (other.kind, other.question) == ("unanswerable", "Who lost?")


def test_a_rejected_row_never_trains(made, tmp_path):
    first, second, *_ = made.accepted
    file = tmp_path / "reviews.jsonl"
    review.keep_reviews(file, [Review(first.id, "reject"), Review(second.id, "accept")])
    kept = review.keep_reviews(file, [Review(second.id, "edit", answer="changed")])
    rows = {row.id: row for row in examples(made.accepted, kept)}
    assert first.id not in rows
    assert rows[second.id].target == "changed"
    assert rows[second.id].input == second.question
    everything = {row.id: Review(row.id, "reject") for row in made.accepted}
    with pytest.raises(EmptyStageError):
        examples(made.accepted, everything)


def test_a_row_that_a_check_dropped_never_trains(plan, models):
    weak = metier.GenerationPlan("fake", "fake", menu={"factual": 2})
    made = metier.docs_to_qa(documents(), weak, models=models)
    assert made.rejected
    assert not {r.id for r in reviewed([*made.accepted, *made.rejected], {})} & {
        r.id for r in made.rejected
    }


def test_a_form_comes_back_from_an_editor(made, tmp_path):
    form, rows = tmp_path / "form.jsonl", list(made.accepted)
    review.write_form(form, rows, {})
    lines = [json.loads(line) for line in form.read_text("utf-8").splitlines()]
    lines[0]["verdict"] = "reject"
    lines[1]["answer"] = "another"
    lines[2]["verdict"] = "accept"
    form.write_text("\n".join(map(json.dumps, lines)))
    found = {one.row: one for one in review.read_form(form, rows)}
    assert {one.verdict for one in found.values()} == {"reject", "edit", "accept"}
    assert len(found) == 3
    assert found[rows[1].id].answer == "another"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"row": "x", "verdict": "maybe"}', "verdict"),
        ("no json", "is no review"),
        ('{"verdict": "accept"}', "`row`"),
        ('{"row": "unknown", "verdict": "accept"}', "no row 'unknown'"),
    ],
)
def test_a_form_with_a_mistake_names_its_line(made, tmp_path, line, said):
    form = tmp_path / "form.jsonl"
    form.write_text(line)
    with pytest.raises(DataError, match=said) as told:
        review.read_form(form, made.accepted)
    assert "form.jsonl:1" in str(told.value)


def test_an_audit_draws_by_seed_and_counts_with_an_interval(made, tmp_path):
    rows = list(made.accepted)
    sample = audit.draw(rows, seed=1, count=8)
    assert sample == audit.draw(rows[::-1], seed=1, count=8)
    file = tmp_path / "audit.jsonl"
    assert audit.result(sample, audit.read_verdicts(file)) is None
    for row in sample[:5]:
        audit.keep_verdict(file, AuditVerdict(row.id, row is not sample[0]))
    found = audit.result(sample, audit.read_verdicts(file))
    assert (found.error.value, found.error.n, found.sample) == (0.2, 5, 8)
    assert 0 < found.error.low < 0.2 < found.error.high < 1
    assert [one.row for one in found.wrong] == [sample[0].id]


def test_a_sample_for_an_audit_stays_when_other_rows_come_and_go(made):
    rows = list(made.accepted)
    sample = audit.draw(rows, seed=1, count=8)
    others = [row for row in rows if row not in sample]

    assert audit.draw([*sample, *others[2:]], seed=1, count=8) == sample
    without_first = [row for row in rows if row != sample[0]]
    assert audit.draw(without_first, seed=1, count=8)[:7] == sample[1:]


@pytest.mark.parametrize("form", list(FORMS))
def test_exports_hold_every_question_and_answer(made, tmp_path, form):
    path = tmp_path / "out.jsonl"
    export(made.accepted, path, form, role="You are a paralegal.")
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) == len(made.accepted)
    for row, line in zip(made.accepted, lines, strict=True):
        said = json.dumps(json.loads(line), ensure_ascii=False)
        assert json.dumps(row.question, ensure_ascii=False) in said
        assert json.dumps(row.answer, ensure_ascii=False) in said
        assert form == "questions" or "You are a paralegal." in said


def test_an_unknown_form_names_the_known(made, tmp_path):
    with pytest.raises(DataError, match="sharegpt"):
        export(made.accepted, tmp_path / "x", "xml")
