"""Documents in other languages than English can be asked about, in their own language."""

import json
import re

import pytest

import metier
from metier.dataset.generate.plan import GenerationPlan
from metier.errors import EmptyStageError
from metier.models.engines.fake import FakeEmbedder
from metier.types import Completion, Document, Usage

GERMAN = (
    "Die Hafenakte wurde im Jahr 1911 vom Rat beschlossen. Die Untersuchung wurde von der "
    "Richterin Martha Oldenburg geleitet. Der Rat zahlte den Eigentümern 4.200 Mark für den "
    "Pier. Die Fähre fuhr, weil die Brücke im Winter gesperrt war."
)
CHINESE = (
    "港口法于1911年通过。调查由法官王芳主持。委员会雇用了310名工人。渡轮停运是因为大桥在冬天关闭。"
)
ASKED = {
    "beschlossen": ("Wann wurde die Hafenakte beschlossen?", "1911"),
    "geleitet": ("Wer leitete die Untersuchung?", "Martha Oldenburg"),
    "Eigentümern": ("Wie viele Mark zahlte der Rat den Eigentümern?", "4.200 Mark"),
    "Fähre": ("Warum fuhr die Fähre?", "weil die Brücke im Winter gesperrt war"),
    "通过": ("港口法于哪一年通过？", "1911年"),
    "调查": ("调查由谁主持？", "法官王芳"),
    "委员会": ("委员会雇用了多少名工人？", "310名"),
    "渡轮": ("渡轮为什么停运？", "大桥在冬天关闭"),
}


class Perfect:
    """A teacher that knows the right question and the right answer about every sentence."""

    name = "perfect"

    def generate(self, batch, config):
        return [Completion(self._said(one[-1].content, config), Usage()) for one in batch]

    def _said(self, text, config):
        if config.json_schema is None:
            sentence = re.search(r"“(.+?)”\n", text).group(1)
            return next(q for key, (q, _) in ASKED.items() if key in sentence)
        passage, _, task = text.partition("Answer this question")
        question, answer = next(pair for pair in ASKED.values() if pair[0][:-1] in task)
        sentences = re.split(r"(?<=[。])|(?<=\.) (?=[A-Z])", passage.split("\n\n")[1])
        quote = next(
            s for s in sentences if any(k in s and v[0] == question for k, v in ASKED.items())
        )
        return json.dumps({"quotes": [quote], "answer": answer})


class Models:
    def language_model(self, name, *, adapter=None):
        return Perfect()

    def embedder(self, name):
        return FakeEmbedder()


@pytest.mark.parametrize(("text", "title"), [(GERMAN, "Hafenakten"), (CHINESE, "港口档案")])
def test_a_good_teacher_writes_rows_in_the_documents_language(text, title):
    plan = GenerationPlan("perfect", "perfect", menu={"factual": 8}, give_up=0.0)
    made = metier.docs_to_qa([Document("d", text, title=title)], plan, models=Models())
    right = {answer for _, answer in ASKED.values()}
    assert {row.answer for row in made.accepted} <= right
    assert len(made.accepted) >= 3, [(r.question, r.answer, r.dropped) for r in made.rejected]
    for row in made.accepted:
        assert row.question.startswith(f"{title}: ") or title in row.question
        assert "According to" not in row.question


class Retelling:
    """A teacher that answers every question by one sentence, quoting another."""

    name = "retelling"

    def generate(self, batch, config):
        assert config.json_schema is not None, "these kinds need no asker"
        said = {
            "quotes": ["Die Untersuchung wurde von der Richterin Martha Oldenburg geleitet."],
            "answer": "Martha Oldenburg, eine Richterin, hat die Untersuchung geleitet.",
        }
        return [Completion(json.dumps(said), Usage()) for _ in batch]


def test_summaries_and_rewrites_are_asked_for_in_the_documents_language():
    class Models:
        def language_model(self, name, *, adapter=None):
            return Retelling()

        def embedder(self, name):
            return FakeEmbedder()

    menu = {"summary": 1, "rewrite": 2, "entity_pair": 1}
    plan = GenerationPlan("retelling", "retelling", menu=menu, patterns=0, give_up=0.0)
    made = metier.docs_to_qa([Document("d", GERMAN, title="Hafenakten")], plan, models=Models())
    asked = [row.question for row in (*made.accepted, *made.rejected)]
    about = "Hafenakten: Was wird, in wenigen Sätzen, über Richterin Martha Oldenburg gesagt?"
    assert about in asked
    assert any(question.startswith("Hafenakten: Was bedeutet dies, mit") for question in asked)
    assert {row.kind for row in made.accepted} >= {"summary"}


def test_what_has_no_wording_in_a_language_is_not_asked_in_another():
    plan = GenerationPlan("perfect", "perfect", menu={"summary": 1, "factual": 8}, give_up=0.0)
    made = metier.docs_to_qa([Document("d", CHINESE, title="港口档案")], plan, models=Models())
    assert {row.kind for row in (*made.accepted, *made.rejected)} == {"factual"}


def test_a_document_that_cannot_be_asked_about_says_why(models):
    plan = GenerationPlan("fake", "fake", menu={"factual": 1})
    with pytest.raises(EmptyStageError, match="without a sentence of 5 words"):
        metier.docs_to_qa([Document("one", "word")], plan, models=models)
