"""The stages joined: what each is given, what stands, and what is done anew."""

import dataclasses
import io
import json
from collections.abc import Sequence
from itertools import cycle

import pytest
from rich.console import Console

from metier import serial
from metier.decision.report import as_json, html, terminal
from metier.errors import DataError, NoLabelScoresError
from metier.methods import reads
from metier.methods.majority import Majority
from metier.models.engines.fake import FakeModel, FakeModels
from metier.pipeline import Pipeline
from metier.protocols import FitContext
from metier.recipe import QuestionSettings, parse_recipe
from metier.settings import rung_settings
from metier.store import Project
from metier.types import ABSTENTION
from tests import joined

ASKING = """
[[rungs]]
method = "prompt"

[[rungs]]
method = "few_shot"
"""
PROMPTS = f"""
[[rungs]]
method = "majority"
{ASKING}"""


def pipeline(folder, *, project=".metier", **recipe):
    """A pipeline on fake models; the recipe's text is that of ``joined.recipe_text``."""
    text = joined.recipe_text(**recipe)
    return Pipeline(
        parse_recipe(text),
        Project(folder / project),
        text=text,
        file=str(folder / "metier.toml"),
        models=FakeModels(),
    )


def steps(folder):
    return {step["key"] for step in Project(folder / ".metier").steps()}


# --- what becomes of rows ---------------------------------------------------------------------


def test_rows_that_are_no_examples_are_counted_with_their_reason(tmp_path):
    rows = joined.documented()
    for row in rows[:3]:
        row["module"] = ""
    joined.write_project(tmp_path)
    joined.write_rows(tmp_path / "docs.csv", rows)
    built = pipeline(tmp_path, split="test_items = 12")
    dataset, documents = built.dataset, built.ingested.documents
    assert dataset.dropped['no value in "module"'] == 3
    assert dataset.dropped["not drawn"] > 0
    stand = len(dataset.train) + len(dataset.dev) + len(dataset.test)
    assert stand + sum(dataset.dropped.values()) == documents


def test_an_ingest_that_changes_no_document_tells_its_own_report(tmp_path):
    joined.write_project(tmp_path)
    first = pipeline(tmp_path).ingested
    with (tmp_path / "docs.csv").open("a", encoding="utf-8") as file:
        file.write("broken row\n" * 5)
    again = pipeline(tmp_path)
    assert again.ingested.version == first.version
    assert again.ingested.malformed_count == first.malformed_count + 5
    assert pipeline(tmp_path).ingested == again.ingested


# --- what may be learnt from ------------------------------------------------------------------


class Spy(Majority):
    """The commonest label, and a note of everything that it was given."""

    name = "spy"
    given: list[FitContext] = []  # noqa: RUF012  # the plugin is made by its name alone
    reads = None

    def fit(self, rung, context):
        Spy.given.append(context)
        return super().fit(rung, context)


@pytest.fixture
def spy(tmp_path, monkeypatch):
    """The spy as an installed plugin: a distribution with an entry point, found on the path."""
    installed = tmp_path / "installed" / "spy-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[metier.methods]\nspy = {__name__}:Spy\n")
    monkeypatch.syspath_prepend(installed.parent)
    monkeypatch.setattr(Spy, "given", [])
    return Spy


def everything_in(value, depth=6):
    """Strings inside a value, through dataclasses, mappings and sequences."""
    if isinstance(value, str):
        yield value
    elif depth and dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from everything_in(getattr(value, field.name), depth - 1)
    elif depth and isinstance(value, dict):
        for part in value.values():
            yield from everything_in(part, depth - 1)
    elif depth and isinstance(value, Sequence):
        for part in value:
            yield from everything_in(part, depth - 1)


def test_the_context_of_a_method_has_no_field_for_the_test_split():
    assert {field.name for field in dataclasses.fields(FitContext)} == {
        "task", "train", "dev", "base", "embedder", "models", "workdir", "settings", "seed",
        "fitted", "corpus", "score", "progress", "folder",
    }  # fmt: skip


def test_a_plugin_builds_a_rung_and_is_given_no_test_item(folder, spy):
    line = pipeline(folder, rungs='[[rungs]]\nmethod = "majority"\n[[rungs]]\nmethod = "spy"')
    assert [card.rung for card in line.scorecards] == ["majority", "spy"]
    context = spy.given[0]
    given = set(everything_in(context))
    learnt = {row.id for row in (*line.dataset.train, *line.dataset.dev)}
    assert learnt <= given
    assert not given & {row.id for row in line.dataset.test}
    assert not given & {row.input for row in line.dataset.test}


def test_the_corpus_that_a_method_is_given_has_no_test_item(folder, spy):
    line = pipeline(folder, rungs='[[rungs]]\nmethod = "spy"')
    line.candidates  # noqa: B018  # a stage is built when it is asked for
    corpus = spy.given[0].corpus
    tested = {row.origin for row in line.dataset.test}
    documents = {document.id for document in corpus.documents()}
    assert documents == {document.id for document in line.corpus.documents()} - tested
    assert len(corpus) == len(documents)
    assert {chunk.source.document for chunk in corpus.chunks()} == documents
    assert corpus.version != line.corpus.version


def test_a_training_row_that_copies_a_test_item_is_dropped(folder):
    rows = joined.documented()
    copies = [row | {"id": f"{row['id']} again"} for row in rows[::2]]
    joined.write_rows(folder / "docs.csv", rows + copies)
    line = pipeline(folder, more="[cleaning]\nexact_duplicates = false\nnear_duplicates = 0")
    tested = {row.input for row in line.dataset.test}
    assert not tested & {row.input for row in line.dataset.train}
    assert any(overlap.hits for overlap in line.overlaps)


def test_the_report_tells_which_test_items_stand_in_the_index_word_for_word_or_reworded(folder):
    rows = joined.documented()
    copies = [row | {"id": f"{row['id']} again"} for row in rows[::2]]
    turned = [
        row | {"id": f"{row['id']} turned", "text": " ".join(reversed(row["text"].split()))}
        for row in rows[1::2]
    ]
    joined.write_rows(folder / "docs.csv", rows + copies + turned)
    kept = "[cleaning]\nexact_duplicates = false\nnear_duplicates = 0"
    report = pipeline(folder, rungs='[[rungs]]\nmethod = "retrieve"', more=kept).report

    found = {one.by: one for one in report.overlaps if one.against == "index"}
    assert set(found) == {"13-grams", "embedding"}
    tested = {row.id for row in report.dataset.test}
    for one in found.values():
        assert one.hits and {hit.test for hit in one.hits} <= tested
    worded = {(hit.test, hit.other) for hit in found["13-grams"].hits}
    reworded = {(hit.test, hit.other) for hit in found["embedding"].hits} - worded
    assert any("turned" in test + other for test, other in reworded)
    assert html(report).count('<th scope="row">index</th>') == 2


def test_the_recipe_says_from_where_on_texts_are_too_alike(folder):
    strict = pipeline(folder, split="overlap_threshold = 0.5")
    usual = pipeline(folder, split="overlap_threshold = 0.99")
    assert strict.dataset.test == usual.dataset.test
    assert len(strict.dataset.train) < len(usual.dataset.train)


# --- what stands and what is done anew --------------------------------------------------------


def test_gates_and_prices_change_the_verdict_but_repeat_no_step(folder):
    assert pipeline(folder).decision.verdict == "ship"
    before = steps(folder)
    gated = pipeline(folder, more="[gates]\nleast_quality = 1.0")
    assert gated.decision.verdict == "none_passes"
    assert steps(folder) == before


def test_another_setting_of_a_rung_builds_that_rung_alone(folder):
    assert pipeline(folder).candidates
    before = steps(folder)
    changed = joined.CHEAP_RUNGS.replace('features = "word"', 'features = "char"')
    assert pipeline(folder, rungs=changed).candidates
    assert [key.partition("-")[0] for key in steps(folder) - before] == ["fit"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[split]", "max_input_tokens = 8\n\n[split]"),
        ("[split]\n", "[split]\noverlap_threshold = 0.5\n"),
        ("seed = 3", "seed = 4"),
        ('"Which module', '"In which module'),
    ],
)
def test_what_a_rung_learns_from_is_in_its_address(folder, before, after):
    text = joined.recipe_text()
    keys = set()
    for other in (text, text.replace(before, after, 1)):
        file = str(folder / "metier.toml")
        project = Project(folder / ".metier")
        line = Pipeline(parse_recipe(other), project, file=file, models=FakeModels())
        keys |= {built.key for built in line.candidates.values()}
    assert len(keys) == 4


@pytest.mark.parametrize("model", ["base", "embedder"])
def test_other_weights_under_the_same_name_are_noticed(folder, tmp_path, adapted, model):
    rungs, more = '[[rungs]]\nmethod = "adapted"', '[retention]\nsuites = ["arithmetic"]\n'
    more += f'[model]\n{model} = "{tmp_path / "model"}"'
    found = []
    for number in (1, 1, 2):
        joined.write_weights(tmp_path / "model", number)
        line = pipeline(folder, rungs=rungs, more=more)
        found.append((line.candidates["adapted"].key, line.retention, steps(folder)))
    assert found[0] == found[1]
    assert found[2][0] != found[0][0]
    assert found[2][2] > found[1][2]


LADDER = "".join(
    f'[[rungs]]\nname = "{name}"\nmethod = "{name.partition("-")[0]}"\n{more}\n'
    for name, more in {
        "majority": "",
        "tfidf": 'features = "word"',
        "embedding": "",
        "prompt": "",
        "few_shot": "",
        "few_shot-near": 'selection = "nearest"',
        "blend": 'members = ["tfidf", "prompt"]',
        "retrieve": "",
    }.items()
)


@pytest.mark.parametrize(
    ("model", "reading"),
    [
        ("embedder", {"embedding", "few_shot-near", "retrieve"}),
        ("base", {"prompt", "few_shot", "few_shot-near", "blend", "retrieve"}),
    ],
)
def test_another_model_builds_the_rungs_anew_that_read_it_and_no_others(folder, model, reading):
    keys = [
        {
            name: built.key
            for name, built in pipeline(
                folder, rungs=LADDER, more=f'[model]\n{model} = "{other}"'
            ).candidates.items()
        }
        for other in ("one", "another")
    ]
    assert {name for name in keys[0] if keys[0][name] != keys[1][name]} == reading


def test_another_embedder_tunes_no_adapter_anew(folder):
    tuned = next(rung for rung in parse_recipe(joined.recipe_text(rungs="")).rungs
                 if rung.method == "lora")  # fmt: skip
    assert reads("lora", rung_settings(tuned)) == {"base"}
    assert reads("lora", {**rung_settings(tuned), "open_book": 0.5}) == {"base", "corpus"}


def test_a_method_is_not_given_what_it_says_that_it_does_not_read(folder, spy, monkeypatch):
    monkeypatch.setattr(Spy, "reads", lambda self, settings: ("embedder",))
    pipeline(folder, rungs='[[rungs]]\nmethod = "spy"').report  # noqa: B018
    context = spy.given[0]
    assert context.embedder and not context.base and context.corpus is None


def test_a_method_that_reads_what_there_is_not_is_refused(folder, spy, monkeypatch):
    monkeypatch.setattr(Spy, "reads", lambda self, settings: ("embeder",))
    with pytest.raises(DataError, match="reads 'embeder', which is none of base, corpus, embedder"):
        pipeline(folder, rungs='[[rungs]]\nmethod = "spy"').candidates  # noqa: B018


def test_changed_data_are_noticed(folder):
    before = pipeline(folder).corpus.version
    joined.write_rows(folder / "docs.csv", joined.documented()[1:])
    assert pipeline(folder).corpus.version != before


def test_a_project_that_was_moved_repeats_nothing(folder, tmp_path):
    first = pipeline(folder)
    results = first.scorecards
    before = steps(folder)
    moved = folder.rename(tmp_path / "moved")
    assert pipeline(moved).scorecards == results
    assert steps(moved) == before


def test_equal_data_in_another_folder_give_equal_versions(folder, tmp_path):
    other = joined.write_project(tmp_path / "other")
    one, two = pipeline(folder), pipeline(other)
    assert one.versions == two.versions
    assert [b.key for b in one.candidates.values()] == [b.key for b in two.candidates.values()]


# --- rungs that prompt ------------------------------------------------------------------------


def test_prompted_rungs_run_to_a_report_with_every_prompt_and_its_tokens(folder):
    line = pipeline(folder, rungs=PROMPTS, split="test_items = 20")
    report = line.report
    by_rung = {card.rung: card for card in report.scorecards}
    assert list(by_rung) == ["majority", "prompt", "few_shot"]
    for rung in ("prompt", "few_shot"):
        card = by_rung[rung]
        assert all(item.answer.text in joined.PACKAGES for item in card.items)
        assert all(item.answer.prompt for item in card.items)
        assert card.usage.prompt_tokens > 0
        assert card.metrics["off_enum_rate"].value == 0
    assert report.retention == ()
    shown = {overlap.against for overlap in report.overlaps}
    assert "examples shown by few_shot" in shown


class Adapted(Majority):
    """The commonest label, with an adapter beside it as a tuned rung has one."""

    name = "adapted"
    reads = None

    def fit(self, rung, context):
        (context.workdir / "adapter").mkdir(exist_ok=True)
        return super().fit(rung, context)


@pytest.fixture
def adapted(tmp_path, monkeypatch):
    """A tuned rung as an installed plugin."""
    installed = tmp_path / "installed" / "adapted-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: adapted\nVersion: 1.0\n")
    points = f"[metier.methods]\nadapted = {__name__}:Adapted\n"
    (installed / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(installed.parent)


def printed(report):
    stream = io.StringIO()
    Console(file=stream, width=100).print(terminal(report))
    return stream.getvalue()


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_base_that_is_hardly_ever_right_leaves_a_report_that_can_be_read(folder, adapted, seed):
    line = pipeline(
        folder,
        rungs='[[rungs]]\nmethod = "adapted"',
        more='[retention]\nsuites = ["formats", "arithmetic", "instructions"]',
        project=f".metier{seed}",
        seed=seed,
    )
    report = line.report
    silent = [one for one in report.left_out if one.startswith("retention suite")]
    assert len(report.retention) + len(silent) == 3
    assert "kept" in printed(report) or silent
    assert all(reason in html(report) for reason in report.left_out.values())
    told = folder / "report.json"
    told.write_text(serial.dump(report))
    assert serial.read(type(report), told).retention == report.retention
    json.dumps(serial.to_json(as_json(report)), allow_nan=False)


def test_what_is_left_out_does_not_hang_on_what_was_asked_before(folder, adapted):
    rungs = '[[rungs]]\nmethod = "adapted"\n[[rungs]]\nmethod = "long_context"\ncontext_tokens = 9'
    more = '[retention]\nsuites = ["formats", "arithmetic", "instructions"]'
    first, second = (pipeline(folder, rungs=rungs, more=more) for _ in range(2))
    assert second.retention is not None
    assert first.left_out == second.left_out == first.report.left_out
    assert {name.partition(" ")[0] for name in first.left_out} == {"long_context", "retention"}


BLENDED = """
[[rungs]]
method = "adapted"

[[rungs]]
method = "tfidf"

[[rungs]]
method = "blend"
members = ["adapted", "tfidf"]
"""


def test_a_blend_has_forgotten_what_its_members_have(folder, adapted):
    more = '[retention]\nsuites = ["arithmetic"]\n[gates]\nmost_forgetting = 0.03'
    line = pipeline(folder, rungs=BLENDED, more=more)
    own, blended = line.retention
    assert (own.rung, blended.rung) == ("adapted", "blend")
    assert own.ratio == blended.ratio
    told = {gate.rung: gate.reason for gate in line.decision.gates}
    assert told["tfidf"] == "not tuned: nothing to forget"
    assert "share kept on arithmetic" in told["blend"]


def test_what_tuning_lost_is_unknown_where_no_suite_is_asked(folder, adapted):
    more = "[retention]\nsuites = []\n[gates]\nmost_forgetting = 0.03"
    gates = pipeline(folder, rungs=BLENDED, more=more).decision.gates
    assert {gate.rung: gate.passed for gate in gates} == {
        "adapted": False, "tfidf": True, "blend": False,
    }  # fmt: skip


REMOTE = '[model]\nbase = "openai:foo@http://127.0.0.1:9/v1"'


def test_the_usual_ladder_of_a_remote_base_leaves_tuning_out_by_name(folder):
    line = pipeline(folder, rungs="", split="rows_per_class = 8\ntest_items = 12", more=REMOTE)
    report = line.report
    assert "lora" not in {card.rung for card in report.scorecards}
    assert "runs elsewhere" in report.left_out["lora"]
    assert line.candidates["blend"].candidate.settings["members"] == ["tfidf", "embedding"]
    assert "runs elsewhere" in html(report)


class Mute(FakeModel):
    """An endpoint that writes, but says nothing of how likely a given answer is."""

    def score_labels(self, batch, labels):
        raise NoLabelScoresError("gives no log probabilities of a given answer")


def test_the_usual_ladder_leaves_out_what_an_endpoint_cannot_do(folder, monkeypatch):
    monkeypatch.setattr(FakeModels, "language_model", lambda self, name, adapter=None: Mute())
    few = "rows_per_class = 8\ndev_rows_per_class = 2\ntest_items = 12"
    line = pipeline(folder, rungs="", split=few, more=REMOTE)
    assert list(line.candidates) == ["majority", "tfidf", "embedding", "blend"]
    assert "no log probabilities" in line.left_out["zero-shot"]


def test_a_rung_that_was_asked_for_and_that_the_endpoint_cannot_do_ends_the_run(
    folder, monkeypatch
):
    monkeypatch.setattr(FakeModels, "language_model", lambda self, name, adapter=None: Mute())
    line = pipeline(folder, rungs=PROMPTS, more=REMOTE)
    with pytest.raises(NoLabelScoresError):
        line.candidates  # noqa: B018  # a stage is built when it is asked for


def test_a_task_with_short_answers_is_measured_by_exact_match(folder):
    text = joined.recipe_text(rungs='[[rungs]]\nmethod = "prompt"', split="test_items = 10")
    text = text.replace('"classification"', '"short_answer"')
    recipe = parse_recipe(text)
    line = Pipeline(
        recipe,
        Project(folder / ".metier"),
        text=text,
        file=str(folder / "metier.toml"),
        models=FakeModels(),
    )
    assert line.report.metric == "exact_match"
    assert line.report.scorecards[0].metrics["exact_match"].n == 10
    assert line.report.leak_probe is None
    assert line.report.curve == ()


def questions(folder, *, rungs='[[rungs]]\nmethod = "prompt"', **changes):
    """A pipeline whose examples are questions about the documents."""
    rows = [
        {"asked": f"Where is {row['id']}?", "answer": row["module"], "about": row["id"], "kind": k}
        for n, (row, k) in enumerate(zip(joined.documented(), cycle(("odd", "even")), strict=False))
        if n < 60
    ]
    rows += [{"asked": f"Where is {n}?", "answer": "", "about": "", "kind": "no"} for n in "abcde"]
    rows += [{"asked": "Where is it?", "answer": "gone", "about": "not there", "kind": "odd"}]
    joined.write_rows(folder / "asked.csv", rows)
    text = joined.recipe_text(rungs=rungs)
    text = text.replace('"classification"', '"short_answer"').replace('label = "module"', "")
    columns = {"question": "asked", "document": "about", "kind": "kind", **changes}
    table = "".join(f'{key} = "{value}"\n' for key, value in columns.items())
    text += f'\n[questions]\npath = "asked.csv"\n{table}'
    file, project = str(folder / "metier.toml"), Project(folder / ".metier")
    return Pipeline(parse_recipe(text), project, text=text, file=file, models=FakeModels())


def test_questions_about_the_documents_are_the_examples(folder):
    line = questions(folder)
    (card,) = line.scorecards
    assert {row.input.split()[0] for row in line.dataset.test} == {"Where"}
    assert set(card.kinds) <= {"odd", "even", "no"} and "odd" in card.kinds
    assert line.dataset.dropped["about a document that the corpus does not hold"] >= 1
    assert sum(one.n for one in card.kinds.values()) == card.metrics["exact_match"].n


def test_what_the_base_answered_without_documents_is_told_apart_for_the_other_rungs(folder):
    line = questions(folder, rungs=ASKING)
    known = line.dataset.test[0]
    assert known.target != ABSTENTION
    asked = "Which module does this entry belong to?\n\n" + known.input
    line.models = FakeModels({asked: known.target})
    base, shown = line.scorecards
    can_be_known = sum(row.target != ABSTENTION for row in line.dataset.test)
    assert "not known before" not in base.kinds
    assert shown.kinds["not known before"].n == can_be_known - 1


def test_questions_see_the_whole_corpus_and_never_another_sides_document(folder):
    line = questions(folder)
    assert line._learnable is line.corpus
    sides = [
        {row.origin for row in part} - {""} for part in (line.dataset.train, line.dataset.test)
    ]
    assert not sides[0] & sides[1]


def test_a_table_of_questions_is_read_as_a_source_of_documents_is(folder):
    line = questions(folder)
    lines = [f'"Où est {row["id"]} ?;{row["module"]}' for row in joined.documented()[:60]]
    table = "\n".join(["question;answer", *lines])
    (folder / "asked.csv").write_text(table, encoding="cp1252")
    how = {"encoding": "cp1252", "delimiter": ";", "quotes": False}
    line.recipe = line.recipe.model_copy(
        update={"questions": QuestionSettings(path="asked.csv", **how)}
    )
    assert all(row.input.startswith('"Où est') for row in line.dataset.test)


def test_a_column_that_the_questions_lack_is_named(folder):
    with pytest.raises(DataError, match='no column "abuot"; did you mean "about"'):
        questions(folder, document="abuot").dataset  # noqa: B018 a stage is built when asked for


# --- curve, probe, progress -------------------------------------------------------------------


def test_the_curve_rises_to_the_rung_as_it_is_on_the_ladder(folder):
    line = pipeline(folder, curve='["tfidf"]')
    few, full = line.curve
    assert (few.rung, few.rows_per_class, full.rung) == ("tfidf", 8, "tfidf")
    assert full.quality == line.scorecards[1].metrics["accuracy"]
    assert few.quality.n == full.quality.n


def test_the_leak_probe_sees_a_label_in_what_cleaning_removed(folder):
    rows = [
        row | {"text": f"From: {row['module']}@example.org\n\n{row['text']}"}
        for row in joined.documented()
    ]
    rare = [row | {"module": "rare", "id": f"rare {row['id']}"} for row in rows[::40]]
    joined.write_rows(folder / "docs.csv", rows + rare)
    line = pipeline(folder, more='[cleaning]\nsteps = ["mail_headers"]\nnear_duplicates = 0')
    assert line.leak_probe.removed["mail_headers"].value > 0.95
    assert line.leak_probe.chance < 0.4


def test_progress_is_told_for_every_rung(folder):
    told = []
    line = pipeline(folder)
    line.progress = lambda done, of, what: told.append((what, done, of))
    assert line.scorecards
    items = len(line.dataset.test)
    assert ("ask tfidf: test", items, items) in told


def test_only_a_rung_with_members_sees_the_rungs_before_it(folder, spy):
    blend = (
        '[[rungs]]\nmethod = "spy"\n\n[[rungs]]\nmethod = "blend"\nmembers = ["majority", "tfidf"]'
    )
    line = pipeline(folder, rungs=joined.CHEAP_RUNGS + blend)
    assert list(line.candidates) == ["majority", "tfidf", "spy", "blend"]
    assert dict(spy.given[0].fitted) == {}
