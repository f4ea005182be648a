"""Real documents on disk, cleaned, cut and searched, with questions whose evidence is known."""

from __future__ import annotations

import pickle
import random
import shutil
import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kept_vectors import KeptVectors
from benchmarks.support_data import rows
from metier.corpus.chunk import chunk
from metier.corpus.clean import clean, make_step
from metier.models.registry import LocalModels
from metier.protocols import TokenEmbedder
from metier.retrieval.store.index import Index
from metier.retrieval.store.passages import passage_of
from metier.types import CleanDocument, Document, Hit, Json, content_hash

K = 5
"""Passages that are found for each question."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its answer, and the document that has the answer."""

    text: str
    answer: str
    document: str
    article: str
    """What must not be in two parts of the data: the article that the document is a part of."""
    place: tuple[int, int] | None
    """Where the answer stands in the document's file; None when it is said in other words."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions with what the search found for them."""

    questions: list[Question]
    documents: dict[str, CleanDocument]
    hits: list[list[Hit]]


def squad(data: Path, work: Path) -> Asked:
    """240 paragraphs and 1,190 questions."""
    found = rows(data / "general_squad" / "squad_en.jsonl.gz")
    names = {context: f"squad-{place}" for place, context in enumerate(_once(found, "context"))}
    titles = {row["context"]: row["title"].replace("_", " ") for row in found}
    documents = {
        name: _document(name, titles[context], context, work) for context, name in names.items()
    }
    questions = [
        Question(
            text=row["question"],
            answer=row["answers"][0],
            document=names[row["context"]],
            article=row["title"],
            place=_place(
                documents[names[row["context"]]].source_text,
                row["context"],
                (row["answer_starts"][0], row["answer_starts"][0] + len(row["answers"][0])),
            ),
        )
        for row in found
    ]
    return Asked(questions, documents, search(questions, documents, work / "squad"))


def boolq(data: Path, work: Path) -> Asked:
    """1,541 paragraphs of Wikipedia and 1,700 questions that people asked a search engine."""
    return _by_context(
        rows(data / "general_boolq" / "eval.jsonl.gz"),
        work,
        name="boolq",
        title=lambda row: str(row["context"]).partition(" -- ")[0],
    )


def sciq(data: Path, work: Path) -> Asked:
    """381 paragraphs of school books and the 440 questions that were written about them."""
    found = [row for row in rows(data / "general_sciq" / "eval.jsonl") if row["context"]]
    return _by_context(found, work, name="sciq", title=lambda row: "")


def _by_context(
    found: Sequence[dict[str, Json]], work: Path, *, name: str, title: Callable[[Json], str]
) -> Asked:
    names = {context: f"{name}-{place}" for place, context in enumerate(_once(found, "context"))}
    titles = {row["context"]: title(row) for row in found}
    documents = {id: _document(id, titles[context], context, work) for context, id in names.items()}
    questions = [
        Question(
            text=row["question"],
            answer=row["choices"][row["answer"]],
            document=names[row["context"]],
            article=titles[row["context"]] or names[row["context"]],
            place=None,
        )
        for row in found
    ]
    return Asked(questions, documents, [])


def pubmed(data: Path, work: Path, part: str = "test") -> Asked:
    """Abstracts and the question that each asks; the answer is its authors' conclusion.

    250 in the test part, 500 in ``train``.
    """
    file = "test.jsonl" if part == "test" else "train.jsonl.gz"
    found = rows(data / "med_pubmedqa" / file)
    documents = {
        f"pubmed-{row['id']}": _document(f"pubmed-{row['id']}", "", " ".join(row["contexts"]), work)
        for row in found
    }
    questions = [
        Question(row["question"], row["long_answer"], f"pubmed-{row['id']}", row["id"], None)
        for row in found
    ]
    folder = work / ("pubmed" if part == "test" else f"pubmed_{part}")
    return Asked(questions, documents, search(questions, documents, folder))


def search(
    questions: Sequence[Question],
    documents: dict[str, CleanDocument],
    folder: Path,
    *,
    without: Collection[str] = (),
) -> list[list[Hit]]:
    """The best passages for each question, from a store of these documents; kept in ``folder``."""
    kept = folder.with_suffix(".hits")
    if kept.is_file():
        found: list[list[Hit]] = pickle.loads(kept.read_bytes())
        return found
    model = LocalModels().embedder("all-MiniLM-L6-v2")
    assert isinstance(model, TokenEmbedder)
    embedder = KeptVectors(model, folder.parent / "vectors.sqlite")
    shutil.rmtree(folder, ignore_errors=True)
    index = Index.create(folder, embedder)
    passages = [
        passage_of(document, piece)
        for name, document in documents.items()
        if name not in without
        for piece in chunk(document)
    ]
    index.upsert(passages, fresh=True)
    found = index.search([question.text for question in questions], K)
    kept.write_bytes(pickle.dumps(found))
    return found


def in_test(article: str) -> bool:
    """Whether an article is for the last measurement; thresholds were chosen on the others."""
    return int(content_hash(article), 16) % 2 == 0


def _document(name: str, title: str, text: str, work: Path) -> CleanDocument:
    """Write the document as a file, with lines as in an e-mail, and read it as metier does.

    The lines' ends and doubled blanks are what cleaning takes out again, so that offsets in the
    cleaned text differ from those in the file.
    """
    folder = work / "documents"
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(name)
    lines = textwrap.wrap(text, 72, break_long_words=False, break_on_hyphens=False)
    written = "\n".join(line.replace(" ", "  ", draw.randint(0, 2)) + "  " for line in lines)
    file = folder / f"{name}.txt"
    file.write_text(written, "utf-8", newline="")
    document = Document(name, file.read_text("utf-8"), title=title, uri=file.absolute().as_uri())
    return clean(document, [make_step("whitespace")])


def _once(found: Sequence[dict[str, str]], column: str) -> list[str]:
    return list(dict.fromkeys(row[column] for row in found))


def _place(written: str, text: str, bounds: tuple[int, int]) -> tuple[int, int]:
    """Offsets in the file for offsets in the text, which differ in white space alone."""
    start, end = (len("".join(text[:bound].split())) for bound in bounds)
    printed = [place for place, character in enumerate(written) if not character.isspace()]
    return printed[start], printed[end - 1] + 1
