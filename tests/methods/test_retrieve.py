"""The rungs that look things up: retrieve, and the whole corpus at once."""

import dataclasses
import shutil

import pytest

from metier.corpus.clean import make_step
from metier.corpus.in_memory import MemoryCorpus
from metier.errors import DataError, EmptyStageError, StorageError
from metier.methods import candidate as candidates
from metier.methods.long_context import LongContext
from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModel, FakeModels
from metier.protocols import FitContext, Method
from metier.retrieval.known import Oracle
from metier.types import (
    ABSTENTION,
    Chunk,
    CleanDocument,
    Completion,
    Document,
    Example,
    Message,
    Piece,
    Region,
    Span,
    Task,
    Usage,
)

TASK = Task("short_answer", "Answer from the passages.", max_input_tokens=64, max_answer_tokens=16)
TEXTS = {
    "moon": "The name of the first moon of the planet Orrin is Tavel. It is made of ice.",
    "king": "The king of the island of Belmar is called Ostrin. He likes to sail in the north.",
    "tree": "The oldest tree of the wood stands in Harrow. It was planted by a widow.",
}
ROWS = [Example(f"row{n}", f"question {n}?", f"answer {n}") for n in range(4)]


class Texts:
    """A corpus of one chunk a document."""

    version = "1"

    def __init__(self, texts):
        self.texts = texts

    def __len__(self):
        return len(self.texts)

    def documents(self):
        for id, text in self.texts.items():
            pieces = (Piece(0, len(text), 0, len(text)),)
            yield CleanDocument(id, text, text, pieces, title=id.title(), uri=f"{id}.txt")

    def chunks(self):
        for one in self.documents():
            span = Span(one.id, 0, len(one.text))
            yield Chunk(f"{one.id}#0", one.text, 0, len(one.text), span, one.title)


def context(made, workdir, models=None, **changes):
    settings = {**made.defaults, **changes.pop("settings", {})}
    workdir.mkdir(parents=True, exist_ok=True)
    given = FitContext(
        task=TASK,
        train=ROWS,
        dev=(),
        base="fake",
        embedder="fake",
        models=models or FakeModels(),
        workdir=workdir,
        settings=settings,
        corpus=Texts(TEXTS),
    )
    return dataclasses.replace(given, **changes)


def asked(*texts):
    return [(Message("user", text),) for text in texts]


def fitted(made, workdir, **changes):
    return made.fit("rung", context(made, workdir, **changes))


def test_both_keep_the_contract_of_a_method():
    assert isinstance(Retrieve(), Method)
    assert isinstance(LongContext(), Method)


def test_retrieve_shows_the_passage_and_names_it(tmp_path):
    candidate = fitted(Retrieve(), tmp_path, settings={"k": 1})
    answerer = Retrieve().load(candidate, tmp_path, FakeModels())
    [answer] = answerer.answer(asked("What is the king of Belmar called?"))
    assert "Ostrin" in answer.prompt[-1].content
    assert "Tavel" not in answer.prompt[-1].content
    assert answer.grounding.queries == ("What is the king of Belmar called?",)
    [chunk] = answer.grounding.chunks
    assert (chunk.id, chunk.title, chunk.uri, chunk.text) == (
        "king#0",
        "King",
        "king.txt",
        TEXTS["king"],
    )
    assert answerer.answer([]) == []


class Counting(FakeModels):
    """Counts the texts that were embedded."""

    def __init__(self):
        super().__init__()
        self.embedded = 0

    def embedder(self, name, *, adapter=None):
        made = super().embedder(name, adapter=adapter)
        embed = made.embed

        def counted(texts):
            self.embedded += len(texts)
            return embed(texts)

        made.embed = counted
        return made


def test_a_second_rung_takes_the_store_of_the_first(tmp_path):
    models = Counting()
    first = fitted(Retrieve(), tmp_path / "first", models=models, settings={"k": 1})
    before = models.embedded
    above = {"first": (first, tmp_path / "first")}
    second = fitted(Retrieve(), tmp_path / "second", models=models, fitted=above)
    shutil.rmtree(tmp_path / "first")
    assert 0 < before == models.embedded
    answerer = Retrieve().load(second, tmp_path / "second", models)
    [answer] = answerer.answer(asked("What is the king of Belmar called?"))
    assert "Ostrin" in answer.prompt[-1].content


def test_what_a_rung_took_over_counts_as_its_training(tmp_path):
    first = fitted(Retrieve(), tmp_path / "first")
    store = first.settings["store_seconds"]
    assert 0 < store <= first.train_seconds
    (tmp_path / "tuned" / "adapter").mkdir(parents=True)
    (tmp_path / "tuned" / "adapter" / "adapter_config.json").write_text("{}")
    tuned = candidates.Candidate("lora", "lora", TASK, {}, base="fake", train_seconds=1000.0)
    above = {"first": (first, tmp_path / "first"), "lora": (tuned, tmp_path / "tuned")}
    both = fitted(Retrieve(), tmp_path / "both", settings={"adapter": "lora"}, fitted=above)
    assert both.settings["store_seconds"] == store
    assert 1000 + store < both.train_seconds < 1000 + store + 60


def test_a_store_under_another_embedder_is_made_anew(tmp_path):
    models = Counting()
    first = fitted(Retrieve(), tmp_path / "first", models=models)
    before = models.embedded
    above = {"first": (first, tmp_path / "first")}
    fitted(Retrieve(), tmp_path / "second", models=models, fitted=above, embedder="another")
    assert models.embedded > before


def test_a_copied_candidate_answers_elsewhere(tmp_path):
    candidate = fitted(Retrieve(), tmp_path / "here", settings={"shots": 2})
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    read = candidates.read(tmp_path / "there")
    assert read == candidate
    question = asked("Where does the oldest tree stand?")
    [answer] = Retrieve().load(read, tmp_path / "there", FakeModels()).answer(question)
    assert answer.grounding.chunks[0].id == "tree#0"
    assert [turn.role for turn in answer.prompt] == ["user", "assistant"] * 2 + ["user"]
    assert set(read.train_examples) < {row.id for row in ROWS}


def test_a_classification_gets_its_probabilities(tmp_path):
    task = Task("classification", "Which?", labels=("a", "b"))
    candidate = fitted(Retrieve(), tmp_path, task=task)
    [answer] = Retrieve().load(candidate, tmp_path, FakeModels()).answer(asked("the king"))
    assert answer.text in task.labels
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.grounding.chunks


def tuned_above(folder):
    """A tuned rung above, as ``FitContext.fitted`` has it."""
    (folder / "tuned" / "adapter").mkdir(parents=True)
    (folder / "tuned" / "adapter" / "adapter_config.json").write_text("{}")
    return {"lora": (candidates.Candidate("lora", "lora", TASK, {}, base="fake"), folder / "tuned")}


@pytest.mark.parametrize("made", [Retrieve(), LongContext()])
def test_an_adapter_of_a_rung_above_reads_and_is_copied(made, tmp_path):
    above = tuned_above(tmp_path)
    candidate = fitted(
        made,
        tmp_path / "rung",
        settings={"adapter": "lora"},
        fitted=above,
    )
    assert "adapter/adapter_config.json" in candidate.files
    shutil.rmtree(above["lora"][1])
    answerer = made.load(candidate, tmp_path / "rung", FakeModels())
    [answer] = answerer.answer(asked("the king"))
    assert TASK.instruction not in answer.prompt[-1].content  # laid out as it was tuned


def test_an_oracle_gives_the_evidence_in_the_store_s_place(tmp_path):
    candidate = fitted(Retrieve(), tmp_path)
    example = Example("x", "Who planted it?", "a widow", evidence=(Span("tree", 45, 60),))
    oracle = Oracle([example], Texts(TEXTS))
    reader = Retrieve().load(candidate, tmp_path, FakeModels()).reading(oracle)
    known, unknown = reader.answer(asked("Who planted it?", "Who else?"))
    assert [chunk.id for chunk in known.grounding.chunks] == ["tree#0"]
    assert unknown.grounding.chunks == ()


def test_long_context_shows_all_documents_first_in_one_order(tmp_path):
    candidate = fitted(LongContext(), tmp_path)
    answerer = LongContext().load(candidates.read(tmp_path), tmp_path, FakeModels())
    first, second = answerer.answer(asked("one?", "two?"))
    assert candidate.settings["k"] == len(TEXTS)
    shown = [answer.prompt[-1].content for answer in (first, second)]
    assert shown[0][: -len("one?")] == shown[1][: -len("two?")]
    assert all(name in shown[0] for name in ("Tavel", "Ostrin", "Harrow"))
    assert [chunk.id for chunk in first.grounding.chunks] == list(TEXTS)


def test_long_context_says_what_to_do_when_the_corpus_does_not_fit(tmp_path):
    with pytest.raises(DataError, match=r"more than context_tokens = 5 tokens .* 'retrieve'"):
        fitted(LongContext(), tmp_path, settings={"context_tokens": 5})


class Documents(Texts):
    """A corpus of documents that were cleaned, dated or owned before."""

    def __init__(self, *documents):
        self.given = documents

    def __len__(self):
        return len(self.given)

    def documents(self):
        return iter(self.given)

    def chunks(self):
        for one in self.given:
            yield chunk_of(one)


def chunk_of(document):
    span = Span(document.id, 0, len(document.source_text))
    return Chunk(f"{document.id}#0", document.text, 0, len(document.text), span, document.title)


def told(id, text, **metadata):
    """A document that says of itself whose it is, or when it holds."""
    pieces = (Piece(0, len(text), 0, len(text)),)
    return CleanDocument(id, text, text, pieces, title=id.title(), metadata=metadata)


def test_long_context_cites_the_exact_words_of_the_source_and_their_page(tmp_path):
    source = "Page  one  is   empty.\n\nThe king of the island of Belmar is called   Ostrin."
    second = source.index("The king")
    regions = (
        Region(0, second - 2, 1, (0, 0, 9, 9)),
        Region(second, len(source), 2, (1, 1, 8, 8)),
    )
    given = Document("king", source, "King", "king.pdf", regions=regions)
    corpus = MemoryCorpus([given], steps=[make_step("whitespace", {})])
    models = Reader({KING: "Ostrin"})
    candidate = fitted(LongContext(), tmp_path, models=models, corpus=corpus)
    [answer] = LongContext().load(candidate, tmp_path, models).answer(asked(KING))
    [support] = answer.grounding.supports
    [quote] = support.quotes
    assert (answer.cited[0].uri, quote.page) == ("king.pdf", 2)
    assert "Ostrin" in source[quote.start : quote.end]
    assert source[quote.start : quote.end].split() == support.words[0].split()


def test_long_context_shows_the_version_of_the_day_alone(tmp_path):
    corpus = Documents(
        told("v1", "The king is Ostrin.", entity="king", valid_to="2020-01-01"),
        told("v2", "The king is Belwin.", entity="king", valid_from="2020-01-01"),
        told("v3", "The king is Carrow.", entity="king", valid_from="9999-01-01"),
    )
    candidate = fitted(LongContext(), tmp_path, corpus=corpus)
    [answer] = LongContext().load(candidate, tmp_path, FakeModels()).answer(asked("Who?"))
    assert [chunk.id for chunk in answer.grounding.chunks] == ["v2"]


def test_shots_before_a_tuned_model_are_refused(tmp_path):
    settings = {"adapter": "lora", "shots": 2}
    with pytest.raises(DataError, match=r"shots = 2 with adapter = 'lora'.* set shots = 0"):
        fitted(Retrieve(), tmp_path, settings=settings, fitted=tuned_above(tmp_path))


@pytest.mark.parametrize("made", [Retrieve(), LongContext()])
@pytest.mark.parametrize("corpus", [None, Texts({})])
def test_no_document_is_a_clear_error(made, corpus, tmp_path):
    with pytest.raises(DataError, match="no document"):
        fitted(made, tmp_path, corpus=corpus)


def test_a_corpus_without_text_is_a_clear_error(tmp_path):
    class Silent(Texts):
        def chunks(self):
            return iter(())

    with pytest.raises(EmptyStageError, match="index would return nothing"):
        fitted(Retrieve(), tmp_path, corpus=Silent(TEXTS))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"k": 0}, "k = 0"),
        ({"passage_tokens": 1}, "passage_tokens = 1"),
        ({"shots": 9}, "there are 4 training rows"),
        ({"adapter": "nobody"}, "no rung 'nobody' stands above it"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, said, tmp_path):
    with pytest.raises(DataError, match=said):
        fitted(Retrieve(), tmp_path, settings=settings)


def test_a_candidate_without_its_documents_is_refused(tmp_path):
    candidate = fitted(LongContext(), tmp_path)
    (tmp_path / "documents.json").write_text("[{}]")
    with pytest.raises(StorageError, match=r"documents\.json cannot be read back"):
        LongContext().load(candidate, tmp_path, FakeModels())


@pytest.mark.models
def test_the_embedded_models_read_what_they_find(tmp_path):
    from metier.models.registry import LocalModels

    models = LocalModels("transformers")
    given = context(Retrieve(), tmp_path, models, settings={"k": 1})
    given = dataclasses.replace(given, base="smollm2-135m-instruct", embedder="all-minilm-l6-v2")
    candidate = Retrieve().fit("rung", given)
    answerer = Retrieve().load(candidate, tmp_path, models)
    [answer] = answerer.answer(asked("What is the king of Belmar called?"))
    assert "Ostrin" in answer.text


# --- what an answer rests on ------------------------------------------------------------------


class Reader(FakeModels):
    """Models whose language model answers by the question that stands last in its prompt."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def language_model(self, name, *, adapter=None):
        answers = self.answers

        class Answering(FakeModel):
            def generate(self, batch, config):
                asked = [one[-1].content.rpartition("\n\n")[2] for one in batch]
                return [Completion(answers[text], Usage(1, 1)) for text in asked]

        return Answering(name=name)


KING = "What is the king of the island of Belmar called?"


def test_an_answer_cites_the_words_that_it_rests_on(tmp_path):
    models = Reader({KING: "Ostrin"})
    candidate = fitted(Retrieve(), tmp_path, models=models)
    [answer] = Retrieve().load(candidate, tmp_path, models).answer(asked(KING))
    [support] = answer.grounding.supports
    assert answer.text[support.start : support.end] == "Ostrin"
    assert [chunk.id for chunk in answer.cited] == ["king#0"]
    assert "Ostrin" in TEXTS["king"][support.quotes[0].start : support.quotes[0].end]


@pytest.mark.parametrize(("policy", "text"), [("flag", "Zebulon"), ("drop", ABSTENTION)])
def test_an_unsupported_answer_is_flagged_or_dropped(tmp_path, policy, text):
    models = Reader({KING: "Zebulon"})
    candidate = fitted(Retrieve(), tmp_path, models=models, settings={"unsupported": policy})
    [answer] = Retrieve().load(candidate, tmp_path, models).answer(asked(KING))
    assert (answer.text, answer.abstained, answer.cited) == (text, policy == "drop", ())


def test_a_promised_error_rate_is_kept_by_abstaining(tmp_path):
    questions = [
        f"What is the king of the island of Belmar called, version {n}?" for n in range(90)
    ]
    models = Reader({text: "Ostrin" if n % 3 else "Zebulon" for n, text in enumerate(questions)})
    dev = [Example(f"d{n}", text, "Ostrin") for n, text in enumerate(questions)]
    settings = {"most_error": 0.2, "k": 1}
    candidate = fitted(Retrieve(), tmp_path, models=models, dev=dev, settings=settings)
    answers = Retrieve().load(candidate, tmp_path, models).answer(asked(*questions))
    given = [answer for answer in answers if not answer.abstained]
    assert given and all(answer.text == "Ostrin" for answer in given)
    assert candidate.trials[0]["calibration"] == 90


def test_dev_questions_make_the_confidence_mean_what_it_says(tmp_path):
    questions = [f"What is the king of the island of Belmar called, {n}?" for n in range(80)]
    models = Reader({text: "Zebulon" if n % 4 else "Ostrin" for n, text in enumerate(questions)})
    dev = [Example(f"d{n}", text, "Ostrin") for n, text in enumerate(questions)]
    settings = {"calibrate": True, "most_error": 0.2, "k": 1}
    candidate = fitted(Retrieve(), tmp_path, models=models, dev=dev, settings=settings)
    answers = Retrieve().load(candidate, tmp_path, models).answer(asked(*questions))
    given = [answer.grounding.supports[0].confidence for answer in answers if not answer.abstained]
    assert len(given) == 20 and min(given) > 0.9
    assert [row.get("calibrated_on") for row in candidate.trials] == [80, None]


@pytest.mark.parametrize("setting", [{"most_error": 0.1}, {"calibrate": True}])
def test_what_dev_questions_set_is_refused_without_them(tmp_path, setting):
    with pytest.raises(DataError, match=f"{next(iter(setting))} needs"):
        fitted(Retrieve(), tmp_path, settings=setting)


def test_too_few_dev_questions_to_calibrate_are_counted(tmp_path):
    dev = [Example("d", KING, "Ostrin")]
    with pytest.raises(DataError, match=r"rung 'rung': 1 claims, .* leave calibrate out"):
        settings = {"calibrate": True}
        fitted(Retrieve(), tmp_path, models=Reader({KING: "Ostrin"}), dev=dev, settings=settings)


class Doubter:
    """Believes nothing."""

    name = "doubter"

    def support(self, batch):
        return [0.0 for _ in batch]


@pytest.fixture
def doubter(tmp_path, monkeypatch):
    """A checker as an installed plugin: a distribution with an entry point, found on the path."""
    installed = tmp_path / "installed" / "doubter-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: doubter\nVersion: 1.0\n")
    points = f"[metier.checkers]\ndoubter = {__name__}:Doubter\n"
    (installed / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(installed.parent)


def test_another_installed_checker_judges_the_answers(tmp_path, doubter):
    models = Reader({KING: "Ostrin"})
    settings = {"checker": "doubter"}
    candidate = fitted(Retrieve(), tmp_path / "rung", models=models, settings=settings)
    [answer] = Retrieve().load(candidate, tmp_path / "rung", models).answer(asked(KING))
    [support] = answer.grounding.supports
    assert (support.verdict, support.confidence) == ("unsupported", 0.0)


def test_a_checker_that_is_not_installed_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no checker is called 'entail' \(installed: text\)"):
        fitted(Retrieve(), tmp_path, settings={"checker": "entail"})


# --- whether to look a question up -------------------------------------------------------------


class Learned(FakeModels):
    """Its model knows sums by itself, and kings from the passages alone."""

    def language_model(self, name, *, adapter=None):
        class Answering(FakeModel):
            def generate(self, batch, config):
                return [Completion(self._said(one[-1].content), Usage(1, 1)) for one in batch]

            def _said(self, shown):
                if "king" not in shown.rpartition("\n\n")[2]:
                    return "4"
                return "Ostrin" if "Ostrin" in shown else "Zebulon"

        return Answering(name=name)


SUM = "What comes of two and two, {n}?"
KINGS = "What is the king of the island of Belmar called, {n}?"


def of_two_kinds(count):
    kings = [Example(f"k{n}", KINGS.format(n=n), "Ostrin") for n in range(count)]
    return [*kings, *(Example(f"s{n}", SUM.format(n=n), "4") for n in range(count))]


def test_a_question_that_needs_no_documents_is_asked_without_and_says_so(tmp_path):
    settings = {"dynamic_threshold": 0.3}
    dev = of_two_kinds(30)
    candidate = fitted(Retrieve(), tmp_path, models=Learned(), dev=dev, settings=settings)
    assert candidate.trials[-1] == {"need_fitted_on": 60, "needed": 30}
    reader = Retrieve().load(candidates.read(tmp_path), tmp_path, Learned())
    king, sums = reader.answer(asked(KINGS.format(n=99), SUM.format(n=99)))
    assert king.cited and king.grounding.need > 0.8 and king.grounding.looked_up
    assert (sums.text, sums.grounding.chunks, sums.grounding.queries) == ("4", (), ())
    assert sums.grounding.need < 0.2 and not sums.grounding.looked_up
    assert TEXTS["king"] not in sums.prompt[-1].content


def test_without_a_threshold_everything_is_looked_up(tmp_path):
    candidate = fitted(Retrieve(), tmp_path, models=Learned())
    [answer] = Retrieve().load(candidate, tmp_path, Learned()).answer(asked(SUM))
    assert answer.grounding.chunks and answer.grounding.need is None


@pytest.mark.parametrize(
    ("dev", "settings", "said"),
    [
        ((), {}, "dynamic_threshold needs dev questions"),
        (of_two_kinds(4), {}, "8 questions, 4 of which needed the documents"),
        (of_two_kinds(40)[:40], {}, "40 questions, 40 of which needed the documents"),
        (of_two_kinds(30), {"dynamic_threshold": 1.5}, "dynamic_threshold = 1.5"),
        (of_two_kinds(30), {"most_error": 0.1}, "leave one of them out"),
    ],
)
def test_a_need_that_dev_questions_cannot_teach_is_refused(tmp_path, dev, settings, said):
    settings = {"dynamic_threshold": 0.3, **settings}
    with pytest.raises(DataError, match=f"rung 'rung': .*{said}"):
        fitted(Retrieve(), tmp_path, models=Learned(), dev=dev, settings=settings)


class Table(Texts):
    """A corpus whose documents have a field beside their text."""

    def documents(self):
        for one in super().documents():
            yield dataclasses.replace(one, metadata={"ruler": f"{one.title} the First"})


def test_a_field_that_is_asked_for_is_read_and_not_written_by_the_model(tmp_path):
    models = Reader({KING: "Zebulon", "Who sails in the north of Belmar?": "Ostrin"})
    settings = {"k": 1, "fields": {"ruler": "ruler|king"}}
    changes = {"models": models, "settings": settings, "corpus": Table(TEXTS)}
    candidate = fitted(Retrieve(), tmp_path, **changes)
    read, written = (
        Retrieve()
        .load(candidate, tmp_path, models)
        .answer(asked(KING, "Who sails in the north of Belmar?"))
    )
    assert (read.text, read.usage.completion_tokens) == ("King the First", 0)
    assert [chunk.id for chunk in read.cited] == ["king#0"]
    assert (written.text, written.usage.completion_tokens) == ("Ostrin", 1)


def test_fields_that_cannot_be_are_named(tmp_path):
    with pytest.raises(DataError, match=r"rung 'rung': fields: ruler = '\(' is no regular"):
        fitted(Retrieve(), tmp_path, settings={"fields": {"ruler": "("}})
    with pytest.raises(DataError, match="fields answer in words, not in labels"):
        labels = Task("classification", "Which?", labels=("a", "b"))
        fitted(Retrieve(), tmp_path, task=labels, settings={"fields": {"ruler": "king"}})
