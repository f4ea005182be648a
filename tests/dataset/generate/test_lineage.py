"""What holds a document is found by what each rung has, not by how its step is called."""

import json

import pytest

from metier.dataset.generate.kept.lineage import holders
from metier.retrieval.store.table import create_table
from metier.store import Project


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def step(project, kind, inputs, files):
    def build(directory):
        for name, content in files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text(json.dumps(content))

    return project.step(kind, inputs, build).name


def row(name, document):
    return {"id": name, "origin": document, "evidence": []}


def rung(name, *, files=(), learnt=(), **settings):
    return {"rung": name, "files": list(files), "train_examples": list(learnt),
            "settings": settings}  # fmt: skip


@pytest.fixture
def dataset(project):
    rows = {"train": [row("1", "quarry"), row("2", "harbour")], "dev": [], "test": []}
    return step(project, "dataset", {"corpus": "v1"}, {"dataset.json": rows})


def fitted(project, dataset, candidate, **more):
    inputs = {"rows": dataset, "corpus": ["v1", "x"], "rung": candidate["rung"], **more}
    return step(project, "fit", inputs, {"candidate.json": candidate})


def test_an_adapter_holds_what_it_learnt(project, dataset):
    files = ["adapter/weights"]
    ours = fitted(project, dataset, rung("tuned", files=files, learnt=["1"]))
    fitted(project, dataset, rung("other", files=files, learnt=["2"]))
    fitted(project, dataset, rung("closed-book"))
    found = holders(project, "quarry", ["v1"])
    assert found.datasets == (dataset,)
    assert found.adapters == (f"tuned ({ours})",)
    assert found.indexes == ()


@pytest.mark.parametrize("setting", ["documents", "open_book"])
def test_an_adapter_that_read_the_documents_holds_them_all(project, dataset, setting):
    candidate = rung("tuned", files=["adapter/w"], learnt=["2"], **{setting: 1})
    read = fitted(project, dataset, candidate)
    assert holders(project, "quarry", ["v1"]).adapters == (f"tuned ({read})",)
    assert holders(project, "quarry", []).adapters == ()


def test_an_adapter_that_was_taken_over_counts_too(project, dataset):
    tuned = fitted(project, dataset, rung("tuned", files=["adapter/w"], learnt=["1"]))
    taken = fitted(project, dataset, rung("reader", files=["adapter/w"]), members={"tuned": tuned})
    assert set(holders(project, "quarry", []).adapters) == {f"tuned ({tuned})", f"reader ({taken})"}


def test_what_prompts_show_is_held(project, dataset):
    from metier.methods.few_shot import SHOTS
    from metier.methods.long_context import DOCUMENTS

    def shows(name, file, content):
        files = {"candidate.json": rung(name, files=[file]), file: content}
        return f"{name} ({step(project, 'fit', {'dataset': dataset, 'rung': name}, files)})"

    shots = [{"id": "1", "text": "What was cut?", "answer": "granite", "tenant": ""}]
    few = shows("few-shot", SHOTS, {"shots": shots})
    blend = shows("blend", f"members/few-shot/{SHOTS}", {"shots": shots})
    whole = [{"chunk": {"id": "quarry", "source": {"document": "quarry", "start": 0}}}]
    long = shows("long-context", DOCUMENTS, whole)
    assert set(holders(project, "quarry", []).indexes) == {few, blend, long}
    assert holders(project, "harbour", []).indexes == ()


def test_an_index_holds_the_documents_that_are_in_it(project, dataset):
    import pyarrow as pa

    name = fitted(project, dataset, rung("retrieve", files=["index"]))
    folder = project.path / "steps" / name / "index"
    folder.mkdir()
    create_table(folder / "chunks.lance", pa.table({"document": ["quarry", "it's"]}))
    assert holders(project, "quarry", []).indexes == (f"retrieve ({name})",)
    assert holders(project, "it's", []).indexes == (f"retrieve ({name})",)
    assert holders(project, "harbour", ["v1"]).indexes == ()
