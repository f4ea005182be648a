"""A rung shows a tenant its own documents and everybody's, those of the day, and no others."""

import dataclasses

import pytest

from metier.errors import DataError
from metier.evaluation.run import evaluate
from metier.evaluation.suites import Suite
from metier.methods import candidate as candidates
from metier.methods.blend import BlendAnswerer
from metier.methods.few_shot import FewShot
from metier.methods.long_context import LongContext
from metier.methods.majority import Majority
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModels
from metier.scoped import answers_to, within
from metier.types import Example, Scope
from tests.methods.test_retrieve import Documents, asked, context, told

CORPUS = Documents(
    told("ours", "The plan of the house is Heron.", tenant="acme"),
    told("theirs", "The plan of the house is Osprey.", tenant="beta"),
    told("all", "The plan of the house is no secret."),
    told("old", "The plan of the house was Wren.", valid_to="2020-01-01", valid_from="2010-01-01"),
)
ROWS = [
    Example("ours", "What is our plan?", "Heron", tenant="acme"),
    Example("theirs", "What is their plan?", "Osprey", tenant="beta"),
    Example("all", "What is the plan?", "no secret"),
]
LOOKING_UP = pytest.mark.parametrize("made", [Retrieve(), LongContext()])


def loaded(made, folder, **changes):
    models = FakeModels()
    candidate = made.fit("rung", context(made, folder, models, corpus=CORPUS, **changes))
    return made.load(candidates.read(folder), folder, models), candidate


def shown(answerer, scope):
    """The names of plans that stand in the prompt of a question in this scope."""
    [answer] = within(answerer, scope).answer(asked("Which is the plan of the house?"))
    said = " ".join(turn.content for turn in answer.prompt)
    return {name for name in ("Heron", "Osprey", "no secret", "Wren") if name in said}


@LOOKING_UP
def test_a_tenant_is_shown_its_own_and_everybodys_documents(made, tmp_path):
    answerer, _ = loaded(made, tmp_path)
    assert shown(answerer, Scope()) == {"no secret"}
    assert shown(answerer, Scope(tenant="acme")) == {"no secret", "Heron"}
    assert shown(answerer, Scope(tenant="beta")) == {"no secret", "Osprey"}
    assert shown(answerer, Scope(tenant="gamma")) == {"no secret"}


@LOOKING_UP
def test_a_day_shows_what_held_then(made, tmp_path):
    answerer, _ = loaded(made, tmp_path)
    assert shown(answerer, Scope(as_of="2015")) == {"no secret", "Wren"}
    with pytest.raises(DataError, match="'soon' is no date"):
        within(answerer, Scope(as_of="soon"))


@LOOKING_UP
def test_of_a_day_before_everything_it_says_that_nothing_held(made, tmp_path):
    dated = Documents(told("new", "The plan is Heron.", valid_from="2020-01-01"))
    models = FakeModels()
    candidate = made.fit("rung", context(made, tmp_path, models, corpus=dated))
    answerer = made.load(candidate, tmp_path, models)
    early = within(answerer, Scope(as_of="1990-01-01"))
    first, second = early.answer(asked("Which plan?", "Whose plan?"))
    assert first.text == second.text == "Nothing was found that held on 1990-01-01."
    assert first.abstained and not first.prompt
    assert first.grounding.chunks == ()


@pytest.mark.parametrize(
    ("made", "settings"),
    [
        (Retrieve(), {"shots": 3, "k": 1}),
        (FewShot(), {"shots": 3, "calibrate": "none"}),
        (FewShot(), {"shots": 3, "calibrate": "none", "selection": "nearest"}),
    ],
)
def test_solved_examples_about_a_tenants_documents_are_shown_to_no_other(made, settings, tmp_path):
    answerer, candidate = loaded(made, tmp_path, settings=settings, train=ROWS)
    assert set(candidate.train_examples) == {"ours", "theirs", "all"}
    assert shown(answerer, Scope()) == {"no secret"}
    assert shown(answerer, Scope(tenant="acme")) == {"no secret", "Heron"}


def test_a_blend_limits_its_members(tmp_path):
    task = dataclasses.replace(context(Retrieve(), tmp_path).task, kind="classification")
    task = dataclasses.replace(task, labels=("a", "b"))
    rows = [dataclasses.replace(row, target="a") for row in ROWS]
    reader, _ = loaded(LongContext(), tmp_path, task=task, train=rows)
    blend = BlendAnswerer(("a", "b"), [reader, reader], [0.5, 0.5])
    assert shown(blend, Scope()) == {"no secret"}
    assert shown(blend, Scope(tenant="acme")) == {"no secret", "Heron"}
    with pytest.raises(DataError, match="cannot answer as of a day"):
        within(blend, Scope(as_of="1990-01-01"))


def test_what_looks_nothing_up_answers_all_alike_and_as_of_no_day(tmp_path):
    task = dataclasses.replace(context(Majority(), tmp_path).task, labels=("a", "b"))
    task = dataclasses.replace(task, kind="classification")
    rows = [dataclasses.replace(row, target="a") for row in ROWS]
    majority, _ = loaded(Majority(), tmp_path, task=task, train=rows)
    assert within(majority, Scope(tenant="acme")) is majority
    with pytest.raises(DataError, match="cannot answer as of a day"):
        within(majority, Scope(as_of="2020-01-01"))


@LOOKING_UP
def test_each_item_is_measured_as_its_own_tenant_asks_it(made, tmp_path):
    answerer, _ = loaded(made, tmp_path)
    seen = [
        {chunk.id.partition("#")[0] for chunk in answer.grounding.chunks}
        for answer in answers_to(answerer, ROWS)
    ]
    assert seen == [{"ours", "all"}, {"theirs", "all"}, {"all"}]
    items = evaluate(answerer, Suite("test", tuple(ROWS), ()))
    assert [item.example for item in items] == ["ours", "theirs", "all"]
    assert "Heron" in items[0].answer.prompt[-1].content
