"""A passage knows the heading that it stands under."""

from metier.corpus.chunk import chunks_at
from metier.retrieval.store.passages import passage_of
from metier.types import CleanDocument, Piece

TEXT = (
    "Before all.\n\n# Manual\n\nIntro.\n\n## Setup ##\n\nUnpack it.\n\nRun it.\n\n"
    "## Setup of others\n\nNot #here.\n"
)


def section(start, text=TEXT):
    document = CleanDocument("d", text, "", (Piece(0, len(text), 0, len(text)),))
    (chunk,) = chunks_at(document, [(start, len(text))])
    return passage_of(document, chunk).section


def test_a_passage_stands_under_the_last_heading_before_it():
    assert section(0) == ""
    assert section(TEXT.index("Intro")) == "Manual"
    assert section(TEXT.index("Unpack")) == section(TEXT.index("Run it")) == "Setup"
    assert section(TEXT.index("#here")) == "Setup of others"


def test_a_passage_that_begins_with_a_heading_stands_under_that():
    assert section(TEXT.index("# Manual")) == "Manual"
    assert section(TEXT.index("## Setup of")) == "Setup of others"


def test_headings_of_one_document_are_not_those_of_another():
    other = TEXT.replace("Setup", "Repair")
    starts = [TEXT.index("Unpack"), other.index("Unpack")]
    texts = [TEXT, other] * 2
    found = [section(start, text) for text, start in zip(texts, starts * 2, strict=True)]
    assert found == ["Setup", "Repair"] * 2
